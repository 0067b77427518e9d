"""How far a threshold on one score a patient distinguishes two groups: true positives beside or less false ones."""

import math

import numpy as np
from scipy import special, stats

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


def advantage_p(members: np.ndarray, non_members: np.ndarray) -> float:
    """One-sided p of the largest TPR - FPR over all thresholds, of patients dealt to the groups at random (Smirnov 1939).

    It sees a few members far out, whom the rank sum of an AUC hardly does. Exact without ties, on the safe side with them. An
    empty group gives NaN.
    """
    members, non_members = per_patient(members, "members"), per_patient(non_members, "non-members")
    if not len(members) or not len(non_members):
        return math.nan
    p = float(stats.ks_2samp(members, non_members, alternative="less").pvalue)
    return max(p, least_p(len(members), len(non_members)))


def least_p(m: int, n: int) -> float:
    """The smallest p that a deal of m and n patients can have, which sums of rounded numbers may fall short of."""
    return float(np.exp(special.gammaln(m + 1) + special.gammaln(n + 1) - special.gammaln(m + n + 1)))


def above_rate(members: np.ndarray, non_members: np.ndarray, rate: float) -> tuple[float, float]:
    """How many of `members` (m,) and of `non_members` (n,) are above the threshold that at most `rate` of the latter exceed.

    Where members score exactly the threshold, as by a signal of few values, ties with it are broken at random until `rate` of
    the non-members are above: the ROC curve goes straight between two of its corners (Fawcett 2006), and both numbers may be
    fractions. To take none of them would say that a signal which is only right or wrong finds nobody. Without such ties both
    are counts.
    """
    members, non_members = np.asarray(members, dtype=float), np.asarray(non_members, dtype=float)
    allowed = rate * len(non_members)
    threshold = np.sort(np.append(non_members, -np.inf))[::-1][math.floor(allowed + 1e-9)]
    found, false = int((members > threshold).sum()), int((non_members > threshold).sum())
    tied = int((members == threshold).sum())
    if not tied:
        return found, false
    share = (allowed - false) / int((non_members == threshold).sum())
    return found + share * tied, allowed


def rate_difference(k: float, m: int, j: float, n: int, level: float = 0.95) -> Interval:
    """k / m - j / n with the hybrid score interval of two independent proportions (Newcombe 1998, method 10).

    Fractions of k and j, from ties that are broken at random, vary less than whole patients, so that it is no narrower than it
    has to be.
    """
    one, other = k / m, j / n
    if min(m, n) < FEWEST:
        return Interval(one - other, math.nan, math.nan, m + n)
    (low, high), (other_low, other_high) = wilson(k, m, level), wilson(j, n, level)
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


def wilson(k: float, n: int, level: float) -> tuple[float, float]:
    """The score interval of a proportion (Wilson 1927), in [0, 1]."""
    rate, square = k / n, float(stats.norm.ppf((1 + level) / 2)) ** 2
    centre, reach = rate + square / (2 * n), math.sqrt(square * (rate * (1 - rate) / n + square / (4 * n**2)))
    low, high = ((centre + side * reach) / (1 + square / n) for side in (-1, 1))
    return max(0.0, low), min(1.0, high)
