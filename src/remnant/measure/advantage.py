"""How far a threshold on one score a patient distinguishes two groups: true minus false positive rate."""

import math

import numpy as np
from scipy import stats

from remnant.measure.intervals import FEWEST, Interval, per_patient


def membership_advantage(
    members: np.ndarray, non_members: np.ndarray, seeds: np.random.Generator, level: float = 0.95
) -> Interval:
    """Membership advantage TPR - FPR (Yeom et al. 2018, arXiv 1709.01604, def. 4) of `members` (m,) over `non_members` (n,).

    Value and lower end: both groups are halved at random and the threshold that is best on one half judges the other, so that
    no patient has a part in the threshold that judges him, and 0 is what no leak gives. Such a threshold is not quite the best,
    so that the upper end is that of the threshold that is best on all, which errs to the other side. Intervals are Newcombe's
    (1998, method 10); with fewer than `FEWEST` patients a group they are NaN. `Interval.n` counts both groups; a group of fewer
    than two patients gives NaN. Raises `RemnantError` for scores that are not finite.
    """
    members, non_members = per_patient(members, "members"), per_patient(non_members, "non-members")
    m, n = len(members), len(non_members)
    if min(m, n) < 2:
        return Interval(math.nan, math.nan, math.nan, m + n)
    dealt = [seeds.permutation(values) for values in (members, non_members)]
    halves = [[values[part::2] for part in range(2)] for values in dealt]
    hits = [0, 0]
    for part in range(2):
        threshold = best_threshold(halves[0][1 - part], halves[1][1 - part])
        for group in range(2):
            hits[group] += int((halves[group][part] > threshold).sum())
    found = rate_difference(hits[0], m, hits[1], n, level)
    best = best_threshold(members, non_members)
    most = rate_difference(int((members > best).sum()), m, int((non_members > best).sum()), n, level)
    return Interval(found.mean, found.low, most.high if math.isnan(found.high) else max(found.high, most.high), m + n)


def rate_difference(k: int, m: int, j: int, n: int, level: float = 0.95) -> Interval:
    """k / m - j / n with the hybrid score interval of two independent proportions (Newcombe 1998, method 10)."""
    one, other = k / m, j / n
    if min(m, n) < FEWEST:
        return Interval(one - other, math.nan, math.nan, m + n)
    (low, high), (other_low, other_high) = _wilson(k, m, level), _wilson(j, n, level)
    return Interval(
        one - other,
        one - other - math.hypot(one - low, other_high - other),
        one - other + math.hypot(high - one, other - other_low),
        m + n,
    )


def best_threshold(members: np.ndarray, non_members: np.ndarray) -> float:
    """The largest score above which members are most more frequent than non-members; infinite where none is better than none."""
    values = np.unique(np.concatenate([members, non_members]))
    between = np.concatenate([[-np.inf], (values[1:] + values[:-1]) / 2, [np.inf]])
    above = [
        1 - np.searchsorted(np.sort(group), between, side="right") / len(group) for group in (members, non_members)
    ]
    gains = np.round(above[0] - above[1], 12)
    return float(between[len(gains) - 1 - int(np.argmax(gains[::-1]))])


def _wilson(k: int, n: int, level: float) -> tuple[float, float]:
    found = stats.binomtest(k, n).proportion_ci(level, method="wilson")
    return float(found.low), float(found.high)
