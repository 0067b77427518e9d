"""True positive rates of one score a patient: at a false positive rate, and among the highest; estimate, interval, exact p."""

import math
from dataclasses import dataclass

import numpy as np
from scipy import stats

from remnant.measure.advantage import least_p, wilson
from remnant.measure.auc import few
from remnant.measure.intervals import Interval, per_patient

PLACES = (1, 3, 10)  # of non-members from the highest: a few members above all, more above nearly all
LOW = 0.01  # highest false positive rate that is called low (Carlini et al. 2022, arXiv 2112.03570, look at 0.1%)


@dataclass(frozen=True)
class Top:
    """Members above nearly all non-members: their `share`, above the `place`-th highest non-member, whom a new one exceeds with
    the chance `rate`; one-sided `p` of so many, and the share that would have been significant (`detectable`)."""

    share: Interval
    place: int
    rate: float
    p: float
    detectable: float


# So many times more members than chance puts there: of as many members as others ten of eleven who are told are members.
TIMES = 10


def low_places(non_members: int) -> list[int]:
    """Those of `PLACES` that a new one exceeds with a low chance where so many non-members are known; none of fewer than 99."""
    return [place for place in PLACES if place / (non_members + 1) <= LOW]


def members_at_top(
    members: np.ndarray, non_members: np.ndarray, level: float = 0.95, alpha: float = 0.01
) -> Top | None:
    """Whether `members` (m,) lie above nearly all `non_members` (n,) more often than patients dealt at random would.

    Tried at each of `PLACES` whose rate is low; taken is the place with the least p, which is multiplied by how many were tried.
    Exact as `true_positive_p`, and so without an interval of the threshold, of which at the first place nothing is known but
    that p: the interval of the share (Wilson 1927, at `level`) is of members above this very score. `detectable`: the least
    share above all non-members with p at most `alpha`. None where the non-members are too few for a low rate.
    """
    members, non_members = per_patient(members, "members"), per_patient(non_members, "non-members")
    m, n = len(members), len(non_members)
    places = low_places(n)
    if not places or not m:
        return None
    falling = np.sort(non_members)[::-1]
    counts = [int((members > falling[place - 1]).sum()) for place in places]
    tried = [_top_p(count, place, m, n) for count, place in zip(counts, places, strict=True)]
    best = int(np.argmin(tried))
    ends = (math.nan, math.nan) if few(m, n) else wilson(counts[best], m, level)
    least = next((k for k in range(1, m + 1) if len(places) * _top_p(k, 1, m, n) <= alpha), m)
    return Top(
        Interval(counts[best] / m, *ends, m + n),
        places[best],
        places[best] / (n + 1),
        min(1.0, len(places) * tried[best]),
        least / m,
    )


def _top_p(count: int, place: int, m: int, n: int) -> float:
    """The chance of `count` of m or more above the `place`-th of n, dealt at random."""
    return max(float(stats.nhypergeom.sf(count - 1, m + n, m, place)), least_p(m, n))


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
    return min(1.0, _top_p(count, place, m, n))


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
