"""How many members a score finds at a given false positive rate, where there are non-members enough to tell."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from remnant.base.texts import counted
from remnant.measure.advantage import above_rate
from remnant.measure.intervals import Interval, clopper_pearson

RATES = (0.1, 0.01, 0.001)  # false positive rates at which true positives are looked at
SUPPORT = 3  # non-members times rate that a rate needs: none of them above bounds it, at 95%, by 3 / n


@dataclass(frozen=True)
class TruePositives:
    """Share of members above all but `rate` of the non-members, ties at random; NaN where these are fewer than `needed`."""

    rate: float
    share: Interval
    needed: int
    non_members: int

    def describe(self) -> str:
        """In words for a report."""
        if self.non_members < self.needed:
            return f"not resolvable with {counted(self.non_members, 'non-member')} (needs {self.needed})"
        if math.isnan(self.share.mean):
            return "no members"
        return f"{self.share.mean:.1%} [{self.share.low:.1%}, {self.share.high:.1%}]"


def true_positives(
    members: np.ndarray, non_members: np.ndarray, rates: Sequence[float] = RATES, level: float = 0.95
) -> list[TruePositives]:
    """Share of `members` (m,) above a threshold that at most `rate` of `non_members` (n,) exceed, for each of `rates`.

    Ties with the threshold as in `advantage.above_rate`. The interval is exact (Clopper and Pearson), of the counts that ties
    are rounded away from, and holds the threshold fixed. A rate is resolvable from `SUPPORT` / rate non-members on: 0.1% needs
    3,000; below, the share is NaN.
    """
    members, non_members = np.asarray(members, dtype=float), np.asarray(non_members, dtype=float)
    m = len(members)
    found = []
    for rate in rates:
        needed = math.ceil(SUPPORT / rate - 1e-9)
        share = clopper_pearson(0, 0)
        if m and len(non_members) >= needed:
            above = above_rate(members, non_members, rate)[0]
            low = clopper_pearson(math.floor(above + 1e-9), m, level).low
            share = Interval(above / m, low, clopper_pearson(math.ceil(above - 1e-9), m, level).high, m)
        found.append(TruePositives(rate, share, needed, len(non_members)))
    return found
