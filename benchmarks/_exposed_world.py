"""Networks of known halves of invented patients, of each of whom the true exposure among networks of fresh people is known."""

from functools import cache

import numpy as np
from scipy import special

from remnant.measure.swaps import dealt_halves

DRAWN = 10**6  # of a law without a formula, which is then known to 0.0005


def exposed_world(
    seed: int,
    patients: int = 100,
    swaps: int = 8,
    added: float = 0.5,
    unlike: float = 0.5,
    mirrored: float = 0.5,
    spread: float = 0.4,
    tails: float | None = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The fits of networks (n, 2 * swaps), who trained them, and the true exposure of each patient (n,).

    Of the variance of what a network fits of a patient the part `mirrored` is who else trained it. Training adds what is normal
    about `added` with the deviation `unlike`, and not less than 0, in a patient's own spreads, whose logarithms have the
    `spread`. What is chance has Student's `tails`, of so many degrees, or is normal.
    """
    draw = np.random.default_rng([seed, patients, swaps])
    trained = dealt_halves(patients, swaps, draw)
    weights = draw.normal(size=(patients, patients))
    np.fill_diagonal(weights, 0)
    others = weights @ (trained - 0.5) / np.sqrt(patients / 4)
    chance = draw.normal(size=trained.shape) if tails is None else _student(trained.shape, tails, draw)
    own = np.maximum(draw.normal(added, unlike, patients), 0)
    spreads = np.exp(draw.normal(0, spread, patients))[:, None]
    noise = np.sqrt(mirrored) * others + np.sqrt(1 - mirrored) * chance
    values = draw.normal(0, 2, (patients, 1)) + spreads * (noise + own[:, None] * trained) + draw.normal(size=2 * swaps)
    return values, trained, true_exposure(own, mirrored, tails)


def everybody_like_them(
    added: float = 0.5, unlike: float = 0.5, mirrored: float = 0.5, spread: float = 0.4, tails: float | None = None
) -> float:
    """The mean exposure of all people like those of such a world, to 0.0005; in their own spreads `spread` has no part in it."""
    own = np.maximum(np.random.default_rng(0).normal(added, unlike, DRAWN), 0)
    return float(true_exposure(own, mirrored, tails).mean())


def true_exposure(own: np.ndarray, mirrored: float, tails: float | None) -> np.ndarray:
    """The chance that a network with a patient, which fits him by `own` (n,) better, is above one of other people without him,
    (n,).

    It is of the law that the world's chance has: a normal one in place of Student's would put everybody too low, by 0.02 on
    average of 4 degrees, for most differences are smaller than a normal one of their variance.
    """
    if tails is None:
        return special.ndtr(own / np.sqrt(2 * (1 + mirrored)))
    return np.searchsorted(_differences(mirrored, tails), own) / (2 * DRAWN)


@cache
def _differences(mirrored: float, tails: float) -> np.ndarray:
    """Differences of two networks that share no patient, rising: what is mirrored is opposite in them."""
    draw = np.random.default_rng(0)
    first, second = (_student((DRAWN,), tails, draw) for _ in range(2))
    found = 2 * np.sqrt(mirrored) * draw.normal(size=DRAWN) + np.sqrt(1 - mirrored) * (first - second)
    # Whose own is nothing has just a half.
    return np.sort(np.concatenate([found, -found]))


def _student(shape: tuple[int, ...], tails: float, draw: np.random.Generator) -> np.ndarray:
    """Student's t with a variance of one."""
    return draw.standard_t(tails, shape) / np.sqrt(tails / (tails - 2))
