"""Is an attribute of two classes, such as sex, read at all, and is it read more often of those who trained the model?

Measured is Youden's J (1950), the share read right in both classes together, less one, or twice the balanced accuracy less one:
0 for whoever guesses, even the commonest for everybody, and two groups with other shares of women are no leak. Where the
attribute of some patients is known and that of the others guessed, it is the share of patients who are known.
"""

import itertools
import math
from dataclasses import dataclass

import numpy as np
from scipy import stats

from remnant.base.errors import RemnantError
from remnant.measure.demographics import sex_skill
from remnant.measure.intervals import FEWEST_PATIENTS, Interval, clopper_pearson


@dataclass(frozen=True)
class AttributeSkill:
    """`value` with its interval, NaN where too few patients support one; `p` of no reading, one-sided; `p_both` two-sided."""

    value: Interval
    p: float
    p_both: float


def read_all(called: np.ndarray, actual: np.ndarray, level: float = 0.95) -> AttributeSkill:
    """J of the classes `called` against the `actual` ones, boolean (n,), with the interval of `sex_skill`'s balanced accuracy.

    p is Fisher's exact one of no more agreement than these shares of either give. A class that nobody is of gives NaN.
    """
    called, actual = _checked(called, actual)
    found = sex_skill(called.astype(float), actual, level)
    if math.isnan(found.balanced.mean):
        return AttributeSkill(Interval(math.nan, math.nan, math.nan, len(actual)), math.nan, math.nan)
    p, both = (float(stats.fisher_exact(found.confusion, way).pvalue) for way in ("greater", "two-sided"))
    j = Interval(
        *(2 * one - 1 for one in (found.balanced.mean, found.balanced.low, found.balanced.high)), found.balanced.n
    )
    return AttributeSkill(_supported(j), p, both)


def read_gap(called: np.ndarray, actual: np.ndarray, members: np.ndarray, level: float = 0.95) -> AttributeSkill:
    """J of the `members`, boolean (n,), minus that of the others.

    p is exact: within each class everybody is as likely to be a member as anybody else, whatever was read of him. The interval
    is made of the exact ones of the four shares (square-and-add, Zou and Donner 2008). A class without a member, or without
    another, gives NaN.
    """
    called, actual = _checked(called, actual)
    members = np.asarray(members)
    if members.shape != actual.shape or members.dtype != bool:
        raise RemnantError(
            f"Each of the {len(actual)} patients is a member or not. Got {members.dtype} {members.shape} instead."
        )
    right, n = called == actual, len(actual)
    # Of each class: members, others, those of either who are read.
    counts = [
        [int((mask & (actual == one)).sum()) for mask in (members, ~members, members & right, ~members & right)]
        for one in (False, True)
    ]
    if not all(m and others for m, others, _, _ in counts):
        return AttributeSkill(Interval(math.nan, math.nan, math.nan, n), math.nan, math.nan)
    shares = [
        (clopper_pearson(read, m, level), clopper_pearson(others_read, others, level))
        for m, others, read, others_read in counts
    ]
    value = sum(own.mean - other.mean for own, other in shares)
    below = math.hypot(*(end for own, other in shares for end in (own.mean - own.low, other.high - other.mean)))
    above = math.hypot(*(end for own, other in shares for end in (own.high - own.mean, other.mean - other.low)))
    return AttributeSkill(_supported(Interval(value, value - below, value + above, n)), *_gap_p(counts, value))


def _gap_p(counts: list[list[int]], value: float) -> tuple[float, float]:
    """Of all deals of the members within each class, the share with a gap of `value` or more, and of one as far from 0."""
    per_class = []
    for m, others, read, others_read in counts:
        total = read + others_read
        dealt = np.arange(max(0, total - others), min(total, m) + 1)
        chances = stats.hypergeom.pmf(dealt, m + others, total, m)
        per_class.append(list(zip(dealt / m - (total - dealt) / others, chances, strict=True)))
    gaps, chances = np.array(
        [(one + two, chance * other) for (one, chance), (two, other) in itertools.product(*per_class)]
    ).T
    above = float(chances[gaps >= value - 1e-12].sum())
    return min(1.0, above), min(1.0, float(chances[np.abs(gaps) >= abs(value) - 1e-12].sum()))


def _supported(found: Interval) -> Interval:
    return found if found.n >= FEWEST_PATIENTS else Interval(found.mean, math.nan, math.nan, found.n)


def _checked(called: np.ndarray, actual: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    called, actual = np.asarray(called), np.asarray(actual)
    if called.shape != actual.shape or actual.ndim != 1 or not called.dtype == actual.dtype == bool:
        raise RemnantError(
            "Classes are boolean, one called and one actual a patient. "
            f"Got {called.dtype} {called.shape} and {actual.dtype} {actual.shape} instead."
        )
    return called, actual
