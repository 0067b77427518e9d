"""The true positive rate of one score a patient at a low false positive rate: estimate, interval and exact p."""

import math

import numpy as np
from scipy import stats

from remnant.measure.advantage import least_p, wilson
from remnant.measure.auc import few
from remnant.measure.intervals import Interval, per_patient

LEAST_RATE = 0.001  # the false positive rate of Carlini et al. 2022 (arXiv 2112.03570)
ABOVE = 10  # non-members above a threshold, of fewer of whom its error leaves no lower end above 0
HIGHEST = 0.05  # rate that is called low


def lowest_rate(non_members: int) -> float | None:
    """The lowest false positive rate at which so many non-members tell a threshold with an interval, from `LEAST_RATE` to
    `HIGHEST`; None where they are fewer than 199."""
    rate = max(LEAST_RATE, ABOVE / (non_members + 1))
    return rate if rate <= HIGHEST else None


def true_positive_rate(members: np.ndarray, non_members: np.ndarray, rate: float, level: float = 0.95) -> Interval:
    """Share of `members` (m,) above the score that a new non-member exceeds with the chance `rate`, told from `non_members` (n,).

    Above the i-th largest of n scores a new one of the same kind lies with the chance i / (n + 1), so that the threshold is
    between those of i around rate (n + 1) (Weibull's quantile), and members without a leak are above it as often as `rate`
    says, however few patients there are; "at most `rate` of the n" would take (j + 1) / (n + 1), 0.15 for 0.1 of 12. Ties are
    broken at random, and the estimate is the mean over that.

    The interval gives half of its error each to two things: how many of the n exceed the score that is meant (binomial), which
    puts it between two of them, and the share of members above these (Wilson 1927). It so holds at `level` or more,
    whatever the scores are distributed like. A group of fewer than `FEWEST` patients has none (NaN); fewer than two patients a
    group give NaN. Raises `RemnantError` for scores that are not finite.
    """
    members, non_members = per_patient(members, "members"), per_patient(non_members, "non-members")
    m, n = len(members), len(non_members)
    if min(m, n) < 2:
        return Interval(math.nan, math.nan, math.nan, m + n)
    above = _members_above(members, non_members)
    found = float(np.interp(rate * (n + 1), np.arange(n + 2), above)) / m
    if few(m, n):
        return Interval(found, math.nan, math.nan, m + n)
    half = (1 + level) / 2
    first, last = (int(end) for end in stats.binom.ppf([(1 - half) / 2, (1 + half) / 2], n, rate))
    low = wilson(min(found * m, above[first]), m, half)[0]
    high = wilson(max(found * m, above[min(n, last) + 1]), m, half)[1]
    return Interval(found, low, high, m + n)


def true_positive_p(members: np.ndarray, non_members: np.ndarray, rate: float) -> float:
    """One-sided p of as many `members` (m,) above a score that `rate` of the `non_members` (n,) exceed, dealt at random.

    Exact: how many of m are above the i-th largest of n is negative hypergeometric, whatever the scores. Members who score
    exactly this are not counted, which errs to the safe side. An empty group gives NaN.
    """
    members, non_members = per_patient(members, "members"), per_patient(non_members, "non-members")
    m, n = len(members), len(non_members)
    if min(m, n) == 0:
        return math.nan
    place = max(1, math.floor(rate * (n + 1) + 1e-9))
    count = int((members > np.sort(non_members)[-place]).sum())
    return min(1.0, max(float(stats.nhypergeom.sf(count - 1, m + n, m, place)), least_p(m, n)))


def _members_above(members: np.ndarray, non_members: np.ndarray) -> np.ndarray:
    """How many members lie above the i-th largest non-member, i from 0 (nobody) to n + 1 (all), float64, ties in the mean."""
    m, n = len(members), len(non_members)
    ordered, theirs = np.sort(members), np.sort(non_members)
    falling = theirs[::-1]
    higher = m - np.searchsorted(ordered, falling, side="right")
    tied = m - np.searchsorted(ordered, falling, side="left") - higher
    # Of a block of tied non-members the p-th has p parts in (block + 1) of the tied members above it.
    before = n - np.searchsorted(theirs, falling, side="right")
    block = n - np.searchsorted(theirs, falling, side="left") - before
    part = (np.arange(1, n + 1) - before) / (block + 1)
    return np.concatenate([[0.0], higher + tied * part, [float(m)]])
