"""Tests of several scores of the same patients, dealt to their groups together: what each would say by chance, with all others.

The p-values here are on one scale for the patients' own roles and for every deal, by approximations that need no table of their
own a deal: that of an AUC is of the normal distribution, and that of the largest gap of a ROC curve of Smirnov's limit (1939).
Which scale it is decides how the level is dealt among the tests, and not how often they err (Westfall and Young 1993).
"""

import math
from collections.abc import Sequence
from functools import cache

import numpy as np
from scipy import special, stats

from remnant.measure.membership_inference import FALSE_POSITIVES
from remnant.measure.tpr import low_places

# Of fewer than 2,000 deals no p is so small that it exposes by a twentieth of the level, which a first look has.
DEALS, FEWEST_DEALS = 20_000, 2_000
WORK = 4e8  # deals times patients times scores, about, beyond which there are fewer of them
TOGETHER = 2**22  # patients times deals that are counted at once


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
    own = _p_values(views, members[:, None])[0]
    count, found = deals_for(n, len(scores)), []
    at_once = max(1, TOGETHER // n)
    for first in range(0, count, at_once):
        drawn = np.broadcast_to(members, (min(at_once, count - first), n))
        # Patients first: what is counted from the highest on is then of all deals side by side.
        found.append(_p_values(views, seeds.permuted(drawn, axis=1).T).astype(np.float32))
    return own, np.concatenate(found)


def _p_values(views: Sequence["_View"], members: np.ndarray) -> np.ndarray:
    """Of each view and test, (deals, views, tests), by who is a member, bool (n, deals)."""
    counted = np.ascontiguousarray(members, dtype=np.int32)
    sums = np.stack([one.ranks for one in views]) @ counted.astype(float)
    return np.stack([one.p_values(own, counted) for one, own in zip(views, sums, strict=True)], axis=1)


class _View:
    """One score (n,) of patients of whom `m` are members."""

    def __init__(self, scores: np.ndarray, m: int) -> None:
        n = len(scores) - m
        self.m, self.n = m, n
        self.ranks = stats.rankdata(scores)
        self.order = np.argsort(-scores, kind="stable")
        ordered = scores[self.order]
        # No threshold is between equal scores: so many are in each block of them, from the highest on.
        self.blocks = np.diff(np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1], True]))
        ties = self.blocks.astype(float)
        whole = m + n
        variance = m * n / 12 * (whole + 1 - ((ties**3 - ties).sum() / (whole * (whole - 1)) if whole > 1 else 0))
        self.deviation = math.sqrt(max(variance, 1e-12))
        self.place = max(1, math.floor(FALSE_POSITIVES * (n + 1) + 1e-9))
        self.tables = {place: _chances(m, n, place) for place in {self.place, *low_places(n)}}

    def p_values(self, sums: np.ndarray, members: np.ndarray) -> np.ndarray:
        """Of each of the tests, (deals, tests), by the members' `sums` of ranks (deals,) and by who is one, int32 (n, deals)."""
        away = np.abs(sums - self.m * (self.m + 1) / 2 - self.m * self.n / 2) / self.deviation
        gap, beyond = self._from_the_highest(members)
        advantage = np.exp(-2 * gap**2 * self.m * self.n / (self.m + self.n))
        found = [2 * special.ndtr(-away), advantage, self.tables[self.place][beyond[self.place]]]
        if low := low_places(self.n):
            tried = [self.tables[place][beyond[place]] for place in low]
            found.append(np.minimum(1.0, len(low) * np.min(tried, axis=0)))
        return np.stack(found, axis=1)

    def _from_the_highest(self, members: np.ndarray) -> tuple[np.ndarray, dict[int, np.ndarray]]:
        """The largest TPR - FPR, (deals,), and of each place of `tables` how many members score above the non-member there.

        A patient at a time, of all deals: what is counted stays in the processor's cache."""
        above = np.zeros(members.shape[1], dtype=np.int32)  # members among so many highest
        largest, beyond, first = np.zeros_like(above), {place: np.zeros_like(above) for place in self.tables}, 0
        gain, sought = np.empty_like(above), set(self.tables)
        for size in self.blocks:
            for place in tuple(sought):
                # The non-member is in this block or lower.
                waiting = first - above < place
                if waiting.any():
                    np.copyto(beyond[place], above, where=waiting)
                else:
                    sought.remove(place)
            for patient in self.order[first : first + size]:
                above += members[patient]
            first += size
            np.multiply(above, self.m + self.n, out=gain)
            gain -= first * self.m
            np.maximum(largest, gain, out=largest)
        return largest / (self.m * self.n), beyond


@cache
def _chances(m: int, n: int, place: int) -> np.ndarray:
    """Of k of m members above the `place`-th of n non-members, k from 0 to m: the chance of so many or more (negative
    hypergeometric)."""
    return np.r_[1.0, stats.nhypergeom.sf(np.arange(m), m + n, m, place)]
