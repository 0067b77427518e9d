"""Tests of several scores of the same patients, dealt to their groups together: what each would say by chance, with all others.

The p-values here are on one scale for the patients' own roles and for every deal, by approximations that need no table of their
own a deal: that of an AUC is of the normal distribution, and that of the largest gap of a ROC curve of Smirnov's limit (1939).
Which scale it is decides how the level is dealt among the tests, and not how often they err (Westfall and Young 1993).
"""

import math
from functools import cache

import numpy as np
from scipy import stats

from remnant.measure.membership_inference import FALSE_POSITIVES
from remnant.measure.tpr import low_places

# Of fewer than 2,000 deals no p is so small that it exposes by a twentieth of the level, which a first look has.
DEALS, FEWEST_DEALS = 20_000, 2_000
WORK = 4e8  # deals times patients times scores, about, beyond which there are fewer of them
TOGETHER = 2**20  # patients times deals that are counted at once


def deals_for(patients: int, scores: int) -> int:
    """How many deals are made of so many patients, who have so many scores each."""
    return int(min(DEALS, max(FEWEST_DEALS, WORK / max(1, patients * scores))))


def dealt_p(scores: np.ndarray, members: np.ndarray, seeds: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """P-values of each test of each score: those of the patients' own roles, float64 (scores, tests), and of `deals_for` deals of
    them, float32 (deals, scores, tests).

    `scores` (scores, n), higher for more member-like, and `members` (n,), bool. The tests are those of AUC (two-sided),
    membership advantage, true positive rate at `FALSE_POSITIVES` and, of many non-members, at the lowest rates, in this order,
    and each is that of `rows.membership_rows` but for the scale of its p.
    """
    n = len(members)
    views = [_View(one, int(members.sum())) for one in scores]
    own = np.stack([one.p_values(members[:, None])[0] for one in views])
    count, found = deals_for(n, len(scores)), []
    at_once = max(1, TOGETHER // n)
    for first in range(0, count, at_once):
        drawn = np.broadcast_to(members, (min(at_once, count - first), n))
        # Patients first: what is counted from the highest on is then of all deals side by side.
        dealt = np.ascontiguousarray(seeds.permuted(drawn, axis=1).T)
        found.append(np.stack([one.p_values(dealt) for one in views], axis=1).astype(np.float32))
    return own, np.concatenate(found)


class _View:
    """One score (n,) of patients of whom `m` are members."""

    def __init__(self, scores: np.ndarray, m: int) -> None:
        n = len(scores) - m
        self.m, self.n = m, n
        self.ranks = stats.rankdata(scores)
        falling = np.argsort(-scores, kind="stable")
        ordered = scores[falling]
        self.order = falling
        # No threshold is between equal scores: where such a block ends, and where the one of each place begins.
        self.last = np.flatnonzero(np.r_[ordered[1:] != ordered[:-1], True])
        first = np.r_[0, self.last[:-1] + 1]
        self.begins = np.repeat(first, np.diff(np.r_[first, len(scores)]))
        ties = np.diff(np.r_[first, len(scores)]).astype(float)
        whole = m + n
        variance = m * n / 12 * (whole + 1 - ((ties**3 - ties).sum() / (whole * (whole - 1)) if whole > 1 else 0))
        self.deviation = math.sqrt(max(variance, 1e-12))
        self.place = max(1, math.floor(FALSE_POSITIVES * (n + 1) + 1e-9))
        self.tables = {place: _chances(m, n, place) for place in {self.place, *low_places(n)}}

    def p_values(self, members: np.ndarray) -> np.ndarray:
        """Of each of the tests, (deals, tests), by who is a member, bool (n, deals)."""
        sums = self.ranks @ members - self.m * (self.m + 1) / 2
        auc = 2 * stats.norm.sf(np.abs(sums - self.m * self.n / 2) / self.deviation)
        # Members among so many highest.
        above = np.cumsum(members[self.order], axis=0, dtype=np.int32)
        highest = np.arange(1, len(above) + 1, dtype=np.int32)[:, None]
        ends = slice(None) if len(self.last) == len(above) else self.last
        gap = (above[ends] * (self.m + self.n) - highest[ends] * self.m).max(0) / (self.m * self.n)
        advantage = np.exp(-2 * np.maximum(gap, 0) ** 2 * self.m * self.n / (self.m + self.n))
        others = highest - above
        found = [auc, advantage, self.tables[self.place][self._beyond(above, others, self.place)]]
        if low := low_places(self.n):
            tried = [self.tables[place][self._beyond(above, others, place)] for place in low]
            found.append(np.minimum(1.0, len(low) * np.min(tried, axis=0)))
        return np.stack(found, axis=1)

    def _beyond(self, above: np.ndarray, others: np.ndarray, place: int) -> np.ndarray:
        """How many members score above the `place`-th highest non-member, (deals,)."""
        begins = self.begins[(others < place).sum(0)]
        counted = np.take_along_axis(above, np.maximum(begins - 1, 0)[None], axis=0)[0]
        return np.where(begins > 0, counted, 0)


@cache
def _chances(m: int, n: int, place: int) -> np.ndarray:
    """Of k of m members above the `place`-th of n non-members, k from 0 to m: the chance of so many or more (negative
    hypergeometric)."""
    return np.r_[1.0, stats.nhypergeom.sf(np.arange(m), m + n, m, place)]
