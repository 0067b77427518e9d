"""Whether networks know those who trained them the better the more they were trained: a trend over doses, tested exactly."""

import itertools
import math
from dataclasses import dataclass

import numpy as np
from scipy import stats

from remnant.base.errors import RemnantError
from remnant.measure.swaps import beyond_other_swaps

MOST = 20_000  # orders of doses that are all counted
TOGETHER = 200_000  # values that are ranked at once


@dataclass(frozen=True)
class DoseTrend:
    """`aucs` (doses,): how well a patient's fit, beyond that of networks of other swaps at the same dose, tells who trained a
    network, the mean over so many `networks`. `p`: one-sided, of doses that make no difference."""

    aucs: np.ndarray
    networks: int
    p: float


def dose_trend(values: np.ndarray, trained: np.ndarray, seeds: np.random.Generator) -> DoseTrend:
    """Of `values` (doses, n, networks), what networks fit of each patient at rising doses; who `trained` them is (n, networks).

    Networks 2r and 2r + 1 have the two halves of one deal, and a network of one number the same half at every dose. Without an
    effect its doses are exchangeable: p is the share of all orders of doses within networks by which AUCs, calibrated anew, rise
    as much (Page 1963, of AUCs in place of ranks). Of many networks orders are drawn by `seeds`: hits + 1 over draws + 1.
    Raises `RemnantError` for other shapes, values that are not finite, and fewer than two swaps or doses.
    """
    values, trained = np.asarray(values, float), np.asarray(trained, bool)
    doses, networks = len(values), trained.shape[-1]
    if values.shape[1:] != trained.shape or doses < 2 or networks < 4 or not np.isfinite(values).all():
        raise RemnantError(
            "A trend over doses needs a finite value a dose, patient and network, of two doses and two swaps or more. Got shapes "
            f"{values.shape} and {trained.shape} instead."
        )

    def aucs(arranged: np.ndarray) -> np.ndarray:
        """(..., doses) of values (..., doses, n, networks)."""
        ranks = stats.rankdata(beyond_other_swaps(arranged, trained), axis=-2)
        m = trained.sum(0)
        return (((ranks * trained).sum(-2) - m * (m + 1) / 2) / (m * (len(trained) - m))).mean(-1)

    found = aucs(values)
    order = np.arange(doses) - (doses - 1) / 2
    least = float(found @ order) - 1e-12
    ways = list(itertools.permutations(range(doses)))
    exact = len(ways) ** networks <= MOST
    chosen = (
        np.array(list(itertools.product(range(len(ways)), repeat=networks)))
        if exact
        else seeds.integers(len(ways), size=(MOST, networks))
    )
    hits = 0
    for part in np.array_split(chosen, math.ceil(len(chosen) * values.size / TOGETHER)):
        # Of every arrangement which dose stands in each place, (part, doses, networks).
        places = np.array(ways)[part].swapaxes(1, 2)
        arranged = np.stack([values[places[:, :, one], :, one] for one in range(networks)], axis=-1)
        hits += int((aucs(arranged) @ order >= least).sum())
    return DoseTrend(found, networks, hits / len(chosen) if exact else (hits + 1) / (len(chosen) + 1))
