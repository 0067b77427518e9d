"""Networks of known halves of invented patients, of each of whom the true exposure among networks of fresh people is known."""

import numpy as np
from scipy import special

from remnant.measure.swaps import dealt_halves


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
    chance = draw.normal(size=trained.shape)
    if tails is not None:
        chance = draw.standard_t(tails, trained.shape) / np.sqrt(tails / (tails - 2))
    own = np.maximum(draw.normal(added, unlike, patients), 0)
    spreads = np.exp(draw.normal(0, spread, patients))[:, None]
    noise = np.sqrt(mirrored) * others + np.sqrt(1 - mirrored) * chance
    values = draw.normal(0, 2, (patients, 1)) + spreads * (noise + own[:, None] * trained) + draw.normal(size=2 * swaps)
    return values, trained, special.ndtr(own / np.sqrt(2 * (1 + mirrored)))
