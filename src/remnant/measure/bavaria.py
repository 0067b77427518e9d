"""BaVarIA: LiRA with the variances and means of few shadow models drawn towards those of all images."""

import math

import numpy as np
from scipy import special, stats

from remnant.measure.sides import LEAST, Prior, Side, mean_prior, side_of, variance_prior


def bavaria(fit: np.ndarray, fits: np.ndarray, trained: np.ndarray) -> np.ndarray:
    """log t(fit; in) - log t(fit; out), (n,), higher for more member-like (Brännvall 2026, BaVarIA-t).

    Each side of an image has a normal-inverse-gamma prior, whose predictive distribution is Student's t: its variance is drawn
    towards that of all images, as far as these are of one variance (`sides.variance_prior`). Ours in place of the paper's are
    the priors of means: an image's mean under models without it is drawn towards that of all images, and its mean under models
    with it towards the former and what training adds on average. Arguments and errors as of `lira.lira`.
    """
    out, inside = side_of(fits, ~trained), side_of(fits, trained)
    degrees, within = variance_prior(out, inside)
    centre, precision = mean_prior(out.mean, within / out.count, within)
    known = precision + out.count
    drawn = (precision * centre + out.count * out.mean) / known
    added, sureness = mean_prior(inside.mean - out.mean, within / inside.count + within / out.count, within)
    # The mean under models with the image is as uncertain as that under models without it, and as the addition.
    prior = 1 / (1 / sureness + 1 / known)
    return _log_t(fit, *_predictive(inside, drawn + added, prior, degrees, within)) - _log_t(
        fit, *_predictive(out, centre, precision, degrees, within)
    )


def bavaria_offline(fit: np.ndarray, fits: np.ndarray, left_out: np.ndarray) -> np.ndarray:
    """-log P(a model without the image fits it better), (n,), by the predictive distribution of models without it alone.

    `left_out` (n, k): the models that do not count; what they say may be NaN. Raises `RemnantError` where none is left.
    """
    out = side_of(fits, ~left_out)
    degrees, within = variance_prior(out)
    centre, precision = mean_prior(out.mean, within / out.count, within)
    freedom, mean, scale = _predictive(out, centre, precision, degrees, within)
    return -_log_t_tail((fit - mean) / scale, freedom)


def _predictive(
    side: Side, centre: Prior, precision: Prior, degrees: Prior, within: Prior
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Degrees of freedom, mean and scale (..., n) of each image's posterior predictive t, by its `side`, under a
    normal-inverse-gamma prior: `centre`, worth `precision` observations, and a variance `within`, worth `degrees`."""
    known, freedom = precision + side.count, degrees + side.count
    mean = (precision * centre + side.count * side.mean) / known
    apart = precision * side.count / known * (side.mean - centre) ** 2
    scale = (degrees * within + side.squares + apart) / freedom * (1 + 1 / known)
    return freedom, mean, np.sqrt(np.maximum(scale, LEAST))


def _log_t_tail(x: np.ndarray, freedom: np.ndarray) -> np.ndarray:
    """log P(Student's t > x). Where that is too small for a number, by the bound that it comes to: u / x in place of 1 under the
    integral of the density, from x on."""
    freedom = np.broadcast_to(np.asarray(freedom, float), np.shape(x))
    tail = stats.t.sf(x, freedom)
    far = tail == 0
    with np.errstate(divide="ignore"):
        found = np.log(tail)
    x, freedom = np.asarray(x)[far], freedom[far]
    constant = special.gammaln((freedom + 1) / 2) - special.gammaln(freedom / 2) - np.log(freedom * math.pi) / 2
    found[far] = constant + np.log(freedom / (freedom - 1) / x) - (freedom - 1) / 2 * np.log1p(x**2 / freedom)
    return found


def _log_t(fit: np.ndarray, freedom: np.ndarray, mean: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """log of Student's density, without the constant of pi that both sides have."""
    norm = special.gammaln((freedom + 1) / 2) - special.gammaln(freedom / 2) - np.log(freedom) / 2 - np.log(scale)
    return norm - (freedom + 1) / 2 * np.log1p(((fit - mean) / scale) ** 2 / freedom)
