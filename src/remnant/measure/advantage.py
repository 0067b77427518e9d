"""How far a threshold on one score a patient distinguishes two groups: true positives beside or less false ones."""

import math
import warnings
from dataclasses import dataclass

import numpy as np
from scipy import special, stats

from remnant.measure.intervals import FEWEST_PATIENTS, Interval, per_patient

# Halvings that a mean is over, times patients: the chance of the draw is then 0.003 (standard deviation) or less.
JUDGED = 40_000
FEWEST_HALVINGS, MOST_HALVINGS = 20, 1000
CELLS = 2**20  # patients times halvings at once, for memory's sake


@dataclass(frozen=True)
class Advantage:
    """True and false positives of `members` and `others`, mean numbers of patients at thresholds that others set (`held`), and at
    the threshold that is best on all (`best`)."""

    members: int
    others: int
    held: tuple[float, float]
    best: tuple[float, float]

    def interval(self, level: float = 0.95) -> Interval:
        """TPR - FPR: value and lower end of `held`, upper end of `best`; Newcombe's (1998, method 10)."""
        found, most = (
            rate_difference(true, self.members, false, self.others, level) for true, false in (self.held, self.best)
        )
        return Interval(
            found.mean, found.low, most.high if math.isnan(found.high) else max(found.high, most.high), found.n
        )


def membership_advantage(members: np.ndarray, non_members: np.ndarray, seeds: np.random.Generator) -> Advantage:
    """Membership advantage TPR - FPR (Yeom et al. 2018, arXiv 1709.01604, def. 4) of `members` (m,) over `non_members` (n,).

    Value and lower end: both groups are halved at random and the threshold that is best on one half judges the other, so that
    no patient has a part in the threshold that judges him, and 0 is what no leak gives; true and false positives are means over
    20 to 1,000 halvings, the more the fewer patients there are. Over all halvings that is what one gives on average, given the
    patients: the same mean, and no more spread, in convex order (Rao 1945, Blackwell 1947), while the interval of the mean
    rates is no narrower than those of single halvings are on average, for a proportion's variance is concave. So an interval
    that holds for one halving holds for their mean, whose value no longer depends on a draw.

    Such a threshold is not quite the best, so that the upper end is that of the threshold that is best on all, which errs to
    the other side. With fewer than `FEWEST_PATIENTS` a group the interval is NaN; a group of fewer than two patients gives NaN
    throughout. Raises `RemnantError` for scores that are not finite.
    """
    members, non_members = per_patient(members, "members"), per_patient(non_members, "non-members")
    m, n = len(members), len(non_members)
    if min(m, n) < 2:
        return Advantage(m, n, (math.nan, math.nan), (math.nan, math.nan))
    pooled = np.concatenate([members, non_members])
    order = np.argsort(pooled, kind="stable")
    values, own = pooled[order], order < m
    halvings = min(max(JUDGED // (m + n), FEWEST_HALVINGS), MOST_HALVINGS)
    hits, block = np.zeros(2), max(1, CELLS // (m + n))
    for first in range(0, halvings, block):
        drawn = np.zeros((min(block, halvings - first), m + n), dtype=bool)
        for group in (own, ~own):
            size = int(group.sum())
            drawn[:, group] = seeds.permuted(np.tile(np.arange(size) % 2 == 0, (len(drawn), 1)), axis=1)
        for half in (drawn, ~drawn):
            hits += _judged(values, own, half)
    best = advantage_threshold(members, non_members)
    return Advantage(
        m,
        n,
        (float(hits[0] / halvings), float(hits[1] / halvings)),
        (float((members > best).sum()), float((non_members > best).sum())),
    )


def _judged(values: np.ndarray, own: np.ndarray, half: np.ndarray) -> np.ndarray:
    """Members and others of all halvings above the threshold that is best (`advantage_threshold`) on the other half, (2,).

    `values` (p,) of all patients, rising; `own` (p,) of members; `half` (h, p) of those who set the threshold.
    """
    patients, rows = len(values), np.arange(len(half))
    # Of all patients and of those who set the threshold, by group: how many are among the i highest.
    whole = [_among_highest(group[None])[0] for group in (own, ~own)]
    setting = [_among_highest(half & group) for group in (own, ~own)]
    # In whole numbers: ties of two thresholds are ties.
    gain = setting[0] * setting[1][0, -1] - setting[1] * setting[0][0, -1]
    apart = np.flatnonzero(
        np.r_[True, values[::-1][1:] != values[::-1][:-1], True]
    )  # no threshold is between equal ones
    lowest = patients - apart[np.argmax(gain[:, apart], axis=1)]  # the place of the lowest who is above it
    beneath = np.maximum.accumulate(np.where(half, np.arange(patients, dtype=np.int32), np.int32(-1)), axis=1)[
        rows, lowest - 1
    ]
    # Halfway to the next who sets it, whom there is, for all are told no better than none; above all where none is the best.
    between = (values[np.minimum(lowest, patients - 1)] + values[beneath]) / 2
    above = patients - np.searchsorted(values, np.where(lowest == patients, np.inf, between), side="right")
    return np.array([(every[above] - part[rows, above]).sum() for every, part in zip(whole, setting, strict=True)])


def _among_highest(taken: np.ndarray) -> np.ndarray:
    """How many of those `taken` (h, p), in rising order, are among the i highest, (h, p + 1)."""
    # In the shortest numbers that hold a product of two of them.
    found = np.zeros((len(taken), taken.shape[1] + 1), np.min_scalar_type(-(taken.shape[1] ** 2)))
    np.cumsum(taken[:, ::-1], axis=1, out=found[:, 1:])
    return found


def advantage_p(members: np.ndarray, non_members: np.ndarray) -> float:
    """One-sided p of the largest TPR - FPR over all thresholds, of patients dealt to the groups at random (Smirnov 1939).

    It sees a few members far out, whom the rank sum of an AUC hardly does. Exact without ties, on the safe side with them; of
    groups so large that the number of deals overflows, by Hodges' (1958) expansion. An empty group gives NaN.
    """
    members, non_members = per_patient(members, "members"), per_patient(non_members, "non-members")
    if not len(members) or not len(non_members):
        return math.nan
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # SciPy's, that it takes the approximation
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
    if min(m, n) < FEWEST_PATIENTS:
        return Interval(one - other, math.nan, math.nan, m + n)
    (low, high), (other_low, other_high) = wilson(k, m, level), wilson(j, n, level)
    return Interval(
        one - other,
        one - other - math.hypot(one - low, other_high - other),
        one - other + math.hypot(high - one, other - other_low),
        m + n,
    )


def advantage_threshold(members: np.ndarray, non_members: np.ndarray) -> float:
    """The largest score above which members are most more frequent than non-members; infinite where none is better than none."""
    values = np.unique(np.concatenate([members, non_members]))
    between = np.concatenate([[-np.inf], (values[1:] + values[:-1]) / 2, [np.inf]])
    above = [
        1 - np.searchsorted(np.sort(group), between, side="right") / len(group) for group in (members, non_members)
    ]
    gains = np.round(above[0] - above[1], 12)
    return float(between[len(gains) - 1 - int(np.argmax(gains[::-1]))])


def wilson(k: float, n: float, level: float) -> tuple[float, float]:
    """The score interval of a proportion (Wilson 1927), in [0, 1]."""
    rate, square = k / n, float(stats.norm.ppf((1 + level) / 2)) ** 2
    centre, reach = rate + square / (2 * n), math.sqrt(square * (rate * (1 - rate) / n + square / (4 * n**2)))
    low, high = ((centre + side * reach) / (1 + square / n) for side in (-1, 1))
    return max(0.0, low), min(1.0, high)
