"""Networks trained the same way on known halves of the patients: what such a training tells of who was in the half.

A *swap* deals the patients to two halves, each of which trains a network: every patient is in one of the two and out of the
other. Columns 2r and 2r + 1 of all arrays (n, networks) here are those of swap r. Values are higher for a better fit.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import stats

from remnant.base.errors import RemnantError
from remnant.measure.auc import auc_interval, auc_variance
from remnant.measure.intervals import FEWEST_PATIENTS, Interval

FEWEST_SWAPS = 4  # below which nothing is said of how trainings of one recipe vary
RESAMPLES = 2000
TOGETHER = 200_000  # values of resamples that are ranked at once
# Of values (n, networks), by who trains each (..., n, networks), values of the latter shape: each network's by other swaps'.
Calibrate = Callable[[np.ndarray, np.ndarray], np.ndarray]


@dataclass(frozen=True)
class SwapTest:
    """How well one value a patient distinguishes, under each network, those who trained it from those who did not.

    `auc`: mean over the networks, over n patients. Its interval is of patients and of trainings both, from `FEWEST_SWAPS` swaps
    and `FEWEST_PATIENTS` on. `p`: two-sided, of no network knowing its half (Monte Carlo); with `p_bound` it is at most this.
    `by_network` (networks,).
    """

    auc: Interval
    p: float
    p_bound: bool
    by_network: np.ndarray


def dealt_halves(patients: int, swaps: int, seeds: np.random.Generator) -> np.ndarray:
    """Who trains which network, bool (patients, 2 * swaps): of every swap a random half, and all others."""
    first = np.arange(patients)[:, None] < np.full(swaps, patients // 2)
    return _both(seeds.permuted(first, axis=0))


def without_patient(values: np.ndarray, trained: np.ndarray) -> np.ndarray:
    """How well each patient (n,) is fit by the networks that he did not train, their mean, from `values` (n, networks).

    How good a network came out is taken off first, as its mean over patients who did not train it.
    """
    out = ~trained
    return (_centred(values, out) * out).sum(1) / out.sum(1)


def beyond_other_swaps(values: np.ndarray, trained: np.ndarray) -> np.ndarray:
    """How much better each network fits a patient (..., n, networks) than those of other swaps do that he did not train.

    The other network of its own swap is no reference: it is one for exactly those who are in this half, and how that network
    came out would tell the halves apart. Of the other swaps everybody has one network each that he did not train.
    """
    out = ~trained
    by_swap = _centred(values, out) * out
    by_swap = by_swap[..., 0::2] + by_swap[..., 1::2]
    others = (by_swap.sum(-1, keepdims=True) - by_swap) / (by_swap.shape[-1] - 1)
    return values - np.repeat(others, 2, axis=-1)


def apart_within_patients(values: np.ndarray, trained: np.ndarray) -> float:
    """How often a network that a patient trained fits him better than one that he did not, ties half, on average over patients:
    how far networks know him apart, whatever patients differ in. How good each network came out is taken off, as its mean.

    `values` and `trained` (n, networks), everybody on both sides.
    """
    apart = values - values.mean(0)
    wins = np.sign(apart[:, :, None] - apart[:, None, :])
    pairs = trained[:, :, None] & ~trained[:, None, :]
    return float(0.5 + ((wins * pairs).sum((1, 2)) / pairs.sum((1, 2))).mean() / 2)


def swap_test(
    values: np.ndarray,
    trained: np.ndarray,
    seeds: np.random.Generator,
    *,
    calibrate: Calibrate | None = None,
    resamples: int = RESAMPLES,
    most_hits: int | None = None,
) -> SwapTest:
    """Test `values` (n, networks), as they are, or as `calibrate` makes them of networks of other swaps, against `trained`.

    p deals the halves anew, each swap on its own, and calculates all again, calibration too: whatever patients and networks
    differ in, that is exact where no network's values depend on its half (hits + 1 over resamples + 1). With `most_hits` it ends
    with so many, and p is hits over the resamples that these took (Besag and Clifford 1991), which is as exact.

    The interval is Newcombe's (`auc_interval`) with the variance over patients, each with all of his values (Obuchowski 1997),
    and between swaps added, and Student's t by Satterthwaite's degrees of freedom. Noise of a single training is in both, which
    errs on the wide side. It is no narrower than if every value were another patient's.

    Raises `RemnantError` for other shapes, values that are not finite, and fewer than two swaps.
    """
    values, trained = np.asarray(values, dtype=float), np.asarray(trained, dtype=bool)
    swaps = trained.shape[1] // 2 if trained.ndim == 2 else 0
    if values.shape != trained.shape or swaps < 2 or not np.isfinite(values).all():
        raise RemnantError(
            "A swap test needs one finite value a patient and network, of two swaps or more. Got shapes "
            f"{values.shape} and {trained.shape} with {int((~np.isfinite(values)).sum())} values not finite instead."
        )

    fixed = stats.rankdata(values, axis=0)

    def areas_of(halves: np.ndarray) -> np.ndarray:
        """AUC of each network (..., networks)."""
        ranks = stats.rankdata(calibrate(values, halves), axis=-2) if calibrate else fixed
        m = halves.sum(-2)
        return ((ranks * halves).sum(-2) - m * (m + 1) / 2) / (m * (len(values) - m))

    areas = areas_of(trained)
    least = abs(areas.mean() - 0.5) - 1e-12
    together = max(1, min(TOGETHER // values.size, most_hits or RESAMPLES))
    hits: list[bool] = []
    while len(hits) < resamples and (most_hits is None or sum(hits) < most_hits):
        shape = (min(together, resamples - len(hits)), len(values), swaps)
        first = np.broadcast_to(trained[:, 0::2], shape)
        dealt = areas_of(_both(seeds.permuted(first, axis=1)))
        hits += (abs(dealt.mean(1) - 0.5) >= least).tolist()
    p = (sum(hits) + 1) / (len(hits) + 1)
    if most_hits is not None and sum(hits) >= most_hits:
        p = most_hits / (1 + int(np.flatnonzero(hits)[most_hits - 1]))
    found = calibrate(values, trained) if calibrate else values
    return SwapTest(_interval(found, trained, areas), p, not any(hits), areas)


def _both(first: np.ndarray) -> np.ndarray:
    """Of the first halves (..., swaps) both, in turn."""
    return np.stack([first, ~first], axis=-1).reshape(*first.shape[:-1], -1)


def _centred(values: np.ndarray, out: np.ndarray) -> np.ndarray:
    return values - (values * out).sum(-2, keepdims=True) / out.sum(-2, keepdims=True)


def _interval(scores: np.ndarray, trained: np.ndarray, areas: np.ndarray) -> Interval:
    n, swaps = len(scores), len(areas) // 2
    mean = float(areas.mean())
    if n < FEWEST_PATIENTS or swaps < FEWEST_SWAPS:
        return Interval(mean, math.nan, math.nan, n)
    influence = np.mean([_influence(*column) for column in zip(scores.T, trained.T, areas, strict=True)], axis=0)
    patients = n / (n - 1) * float((influence**2).sum())
    trainings = float(areas.reshape(swaps, 2).mean(1).var(ddof=1)) / swaps
    both = patients + trainings
    effect, least = 1 / swaps, auc_variance(mean, n, n)
    if both > 0 and least > 0:
        freedom = both**2 / (patients**2 / (n - 1) + trainings**2 / (swaps - 1))
        effect = max(effect, (stats.t.ppf(0.975, freedom) / stats.norm.ppf(0.975)) ** 2 * both / least)
    found = auc_interval(mean, n, n, design_effect=effect)
    return Interval(found.mean, found.low, found.high, n)


def _influence(scores: np.ndarray, trained: np.ndarray, area: float) -> np.ndarray:
    """What each patient (n,) moves the AUC of one network by (DeLong 1988)."""
    ranks = stats.rankdata(scores)
    found = np.empty(len(scores))
    for own in (trained, ~trained):
        above = (ranks[own] - stats.rankdata(scores[own])) / (~own).sum()
        placed = above if own is trained else 1 - above
        found[own] = (placed - area) / own.sum()
    return found
