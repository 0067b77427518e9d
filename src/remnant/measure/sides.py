"""What models trained with an image and without it fit of it: moments of either side, and what all images have in common.

Arrays `fits` (n, k) are of n images under k models, higher for a better fit, or (n, k, q) of q queries a model. Who was trained
on, (n, k), may have axes before these, for several ways to deal the images to the models: then so has all that follows from it.
"""

from typing import NamedTuple

import numpy as np
from scipy import special

from remnant.base.errors import RemnantError

LEAST = 1e-12  # of a variance
CERTAIN = 1e6  # degrees of freedom of a variance that all images share
FEWEST = 1.0  # degrees of freedom of any prior of variances
NARROWEST = 0.01  # of the variance of means between images, against that of one image
# A number, or of several ways to deal the images (..., 1).
Prior = float | np.ndarray


class Side(NamedTuple):
    """Of each image (..., n), over the models on one side: how many, their mean and the sum of squares about it."""

    count: np.ndarray
    mean: np.ndarray
    squares: np.ndarray

    @property
    def degrees(self) -> np.ndarray:
        """Degrees of freedom of the squares."""
        return np.maximum(self.count - 1, 0)

    def variance(self, *, pooled: bool) -> np.ndarray:
        """Of each image by itself (..., n), or one for all (..., 1): of single models, which have none, that between images."""
        if not pooled:
            return np.maximum(self.squares / self.count, LEAST)
        degrees = self.degrees.sum(-1, keepdims=True)
        within = self.squares.sum(-1, keepdims=True) / np.maximum(degrees, 1)
        return np.maximum(np.where(degrees > 0, within, self.mean.var(-1, keepdims=True)), LEAST)


def side_of(fits: np.ndarray, chosen: np.ndarray) -> Side:
    """The moments of `fits` (n, k) over the models `chosen` (..., n, k), whatever those not chosen say.

    Raises `RemnantError` for an image of which none is chosen.
    """
    count = counted(chosen)
    mean = np.where(chosen, fits, 0.0).sum(-1) / count
    return Side(count, mean, (np.where(chosen, fits - mean[..., None], 0.0) ** 2).sum(-1))


def counted(chosen: np.ndarray) -> np.ndarray:
    """How many models are `chosen` (..., n, k) of each image, (..., n); raises `RemnantError` for an image of which none is."""
    count = chosen.sum(-1)
    if (none := np.argwhere(count == 0)).size:
        raise RemnantError(
            f"Image {none[0, -1]} has no model on one side; a patient must be left out by some and not by all."
        )
    return count


def mean_prior(means: np.ndarray, noise: np.ndarray, within: Prior) -> tuple[Prior, Prior]:
    """The mean of `means` (..., n), and how many observations of variance `within` their spread beyond `noise` (..., n) is worth:
    a number each, or (..., 1)."""
    several = means.shape[-1] > 1
    between = means.var(-1, ddof=1, keepdims=True) - noise.mean(-1, keepdims=True) if several else 0.0
    return _number(means.mean(-1, keepdims=True)), _number(within / np.maximum(between, NARROWEST * within))


def variance_prior(*sides: Side, wider: float = 0.0) -> tuple[Prior, Prior]:
    """Degrees of freedom and value of the prior of variances, a number each or (..., 1), by how unlike those of the images are
    (empirical Bayes by moments of their logarithms, Smyth 2004, section 6.2). Of single models there is no variance but that
    between the sides.

    `wider`: standard errors by which they are taken to be more unlike than they seem, so that less is borrowed of each other.
    """
    degrees = np.concatenate([side.degrees for side in sides], axis=-1)
    squares = np.concatenate([side.squares for side in sides], axis=-1)
    known, half = degrees > 0, np.maximum(degrees, 1) / 2
    number = known.sum(-1, keepdims=True)

    def mean(values: np.ndarray) -> np.ndarray:
        return np.where(known, values, 0.0).sum(-1, keepdims=True) / np.maximum(number, 1)

    # There are few numbers of models, of which each special function is taken once.
    kinds, kind = np.unique(half, return_inverse=True)
    shift, noise = (
        values[kind].reshape(half.shape) for values in (np.log(kinds) - special.digamma(kinds), special.zeta(2, kinds))
    )
    logs = np.log(np.maximum(squares / (2 * half), LEAST)) + shift
    level, noise = mean(logs), mean(noise)
    more = np.maximum(number - 1, 1)
    spread = mean((logs - level) ** 2) * number / more * (1 + wider * np.sqrt(2 / more)) - noise
    # Of signals without any spread, such as rounded ones, the prior would be of no degrees and of no variance.
    unlike = (number > 1) & (spread > special.zeta(2, CERTAIN / 2))
    prior = np.maximum(_trigamma_inverse(np.where(unlike, spread, 1.0)), FEWEST / 2)
    value = np.maximum(np.exp(level + special.digamma(prior) - np.log(prior)), LEAST)
    freedom, within = np.where(unlike, 2 * prior, CERTAIN), np.where(unlike, value, np.exp(level))
    if (number == 0).any():
        first, last = sides[0].mean, sides[-1].mean
        apart = (first - last).var(-1, keepdims=True) / 2 if len(sides) > 1 else first.var(-1, keepdims=True)
        within = np.where(number == 0, np.maximum(apart, LEAST), within)
    return _number(freedom), _number(within)


def _number(values: np.ndarray) -> Prior:
    """Of one way to deal the images a number, and of several as it is."""
    return float(values[0]) if values.ndim == 1 else values


def _trigamma_inverse(values: np.ndarray) -> np.ndarray:
    """x > 0 with trigamma(x) = `values` > 0, by Newton's method on the reciprocal, which is convex (Smyth 2004, appendix)."""
    x = 0.5 + 1 / values
    for _ in range(50):
        trigamma = special.zeta(2, x)
        step = trigamma * (1 - trigamma / values) / (-2 * special.zeta(3, x))
        x = x + step
        if (np.abs(step) < 1e-10 * x).all():
            break
    return x
