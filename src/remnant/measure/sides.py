"""What models trained with an image and without it fit of it: moments of either side, and what all images have in common.

Arrays `fits` (n, k) are of n images under k models, higher for a better fit, or (n, k, q) of q queries a model.
"""

import math
from typing import NamedTuple

import numpy as np
from scipy import special

from remnant.base.errors import RemnantError

LEAST = 1e-12  # of a variance
CERTAIN = 1e6  # degrees of freedom of a variance that all images share
FEWEST = 1.0  # degrees of freedom of any prior of variances
NARROWEST = 0.01  # of the variance of means between images, against that of one image


class Side(NamedTuple):
    """Of each image (n,), over the models on one side: how many, their mean and the sum of squares about it."""

    count: np.ndarray
    mean: np.ndarray
    squares: np.ndarray

    @property
    def degrees(self) -> np.ndarray:
        """Degrees of freedom of the squares."""
        return np.maximum(self.count - 1, 0)

    def variance(self, *, pooled: bool) -> np.ndarray:
        """Of each image by itself (n,), or one for all: of single models, which have none, that between images."""
        if not pooled:
            return np.maximum(self.squares / self.count, LEAST)
        degrees = self.degrees.sum()
        within = self.squares.sum() / degrees if degrees else self.mean.var()
        return np.full(len(self.mean), max(within, LEAST))


def side_of(fits: np.ndarray, chosen: np.ndarray) -> Side:
    """The moments of `fits` (n, k) over the models `chosen` (n, k), whatever those not chosen say.

    Raises `RemnantError` for an image of which none is chosen.
    """
    count = counted(chosen)
    values = np.where(chosen, fits, 0.0)
    mean = values.sum(1) / count
    return Side(count, mean, (np.where(chosen, fits - mean[:, None], 0.0) ** 2).sum(1))


def counted(chosen: np.ndarray) -> np.ndarray:
    """How many models are `chosen` (n, k) of each image, (n,); raises `RemnantError` for an image of which none is."""
    count = chosen.sum(1)
    if (count == 0).any():
        raise RemnantError(
            f"Image {int((count == 0).argmax())} has no model on one side; a patient must be left out by some and not by all."
        )
    return count


def mean_prior(means: np.ndarray, noise: np.ndarray, within: float) -> tuple[float, float]:
    """The mean of `means` (n,), and how many observations of variance `within` their spread beyond `noise` (n,) is worth."""
    between = means.var(ddof=1) - noise.mean() if len(means) > 1 else 0.0
    return float(means.mean()), float(within / max(between, NARROWEST * within))


def variance_prior(*sides: Side, wider: float = 0.0) -> tuple[float, float]:
    """Degrees of freedom and value of the prior of variances, by how unlike those of the images are (empirical Bayes by moments
    of their logarithms, Smyth 2004, section 6.2). Of single models there is no variance but that between the sides.

    `wider`: standard errors by which they are taken to be more unlike than they seem, so that less is borrowed of each other.
    """
    degrees = np.concatenate([side.degrees for side in sides])
    squares = np.concatenate([side.squares for side in sides])[degrees > 0]
    half = degrees[degrees > 0] / 2
    if not len(half):
        means = [side.mean for side in sides]
        return CERTAIN, max(float((means[0] - means[-1]).var()) / 2, float(means[0].var()) * (len(sides) == 1), LEAST)
    logs = np.log(np.maximum(squares / (2 * half), LEAST)) - special.digamma(half) + np.log(half)
    kinds, counts = np.unique(half, return_counts=True)
    noise = float(special.zeta(2, kinds) @ counts / counts.sum())
    spread = 0.0
    if len(logs) > 1:
        spread = float(logs.var(ddof=1)) * (1 + wider * math.sqrt(2 / (len(logs) - 1))) - noise
    if spread <= special.zeta(2, CERTAIN / 2):
        return CERTAIN, float(np.exp(logs.mean()))
    # Of signals without any spread, such as rounded ones, the prior would be of no degrees and of no variance.
    prior = max(_trigamma_inverse(spread), FEWEST / 2)
    return 2 * prior, max(float(np.exp(logs.mean() + special.digamma(prior) - np.log(prior))), LEAST)


def _trigamma_inverse(value: float) -> float:
    """x > 0 with trigamma(x) = `value` > 0, by Newton's method on the reciprocal, which is convex (Smyth 2004, appendix)."""
    x = 0.5 + 1 / value
    for _ in range(50):
        trigamma = float(special.zeta(2, x))
        step = trigamma * (1 - trigamma / value) / (-2 * float(special.zeta(3, x)))
        x += step
        if abs(step) < 1e-10 * x:
            break
    return x
