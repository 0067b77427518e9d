"""Does a set of reconstructions lie nearer to the patients who trained a model than to others?

A patient's score is the similarity of the nearest reconstruction to an image, mean over the patient's images. Members and
non-members are independent groups. All intervals and p-values hold the reconstructions fixed: they say what other patients
would have given, not what another attack would.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from remnant.base.errors import RemnantError
from remnant.base.texts import counted
from remnant.measure.advantage import above_rate
from remnant.measure.auc import auc_p_value, detectable_auc, mann_whitney_auc
from remnant.measure.intervals import FEWEST, RESAMPLES, Interval, clopper_pearson, smallest_detectable_gap

RATES = (0.1, 0.01, 0.001)  # false positive rates at which true positives are looked at
SUPPORT = 3  # non-members times rate that a rate needs: none of them above bounds it, at 95%, by 3 / n


@dataclass(frozen=True)
class Nearer:
    """Members `count` of whom have a reconstruction nearer than any non-member has, beside what dealing anew would give.

    `expected` and `most`: mean and 95% quantile of that; `p`: how often dealing gives as many or more.
    """

    count: int
    expected: float
    most: int
    p: float


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


@dataclass(frozen=True)
class Membership:
    """Members against non-members by their scores.

    `auc` with its two-sided `auc_p` and the area that 80% power would have shown; `difference` of the mean scores with its `p`
    and likewise `detectable`, in units of the similarity.
    """

    auc: Interval
    auc_p: float
    auc_detectable: float
    difference: Interval
    p: float
    detectable: float
    nearer: Nearer
    members: int
    non_members: int
    candidates: int


def nearest_so_far(similarities: np.ndarray, patients: Sequence[str]) -> tuple[list[str], np.ndarray]:
    """How near the first candidates come to each patient: from (c, images) and each image's patient to names (p,) and (c, p).

    Row k: the similarity of the nearest of the first k + 1 candidates to an image, mean over the patient's images; the last
    row is each patient's score. The mean, since a maximum grows with the number of images a patient has. Names come in the
    order of their first image, so that two matrices with the same images have the same patients in place.
    """
    similarities = _checked(similarities)
    if len(patients) != similarities.shape[1]:
        raise RemnantError(
            f"Each of {similarities.shape[1]} images needs its patient. Got {len(patients)} names instead."
        )
    places: dict[str, list[int]] = {}
    for place, patient in enumerate(patients):
        places.setdefault(patient, []).append(place)
    nearest = np.maximum.accumulate(similarities, axis=0)
    means = [nearest[:, images].mean(1) for images in places.values()]
    return list(places), np.stack(means, axis=1) if means else np.empty((len(similarities), 0))


def membership(
    members: np.ndarray,
    non_members: np.ndarray,
    seeds: np.random.Generator,
    level: float = 0.95,
    resamples: int = RESAMPLES,
) -> Membership:
    """Hold the similarities of c candidates with `members` (c, m) against those with `non_members` (c, n), by patient.

    Null answered by both p-values: the patients were dealt to the two groups at random, and neither the reconstructions
    nor the features know how. It is *not* the null that the reconstructions show nobody: the features of an overfit
    target set its members apart for any images, those of the untuned prior too. `auc.auc_contrast` with such a control
    answers that. Two-sided, so that members who come out farther, as where sources differ, are seen as well. The
    difference's interval is SciPy's BCa over patients within groups; its p deals patients anew (hits + 1 over
    resamples + 1; exact where all deals are no more than `resamples`). The area's are of `auc`.

    A group of none gives NaN; with a group of one patient the difference has neither interval nor p.
    """
    members, non_members = _pair(members, non_members)
    best, others = members.max(0), non_members.max(0)
    m, n = len(best), len(others)
    difference, p = _difference(best, others, seeds, level, resamples)
    spread = math.nan
    if min(m, n) > 0 and m + n > 2:
        spread = math.sqrt((m * best.var() + n * others.var()) / (m + n - 2))
    return Membership(
        mann_whitney_auc(best, others, level),
        auc_p_value(best, others),
        detectable_auc(m, n),
        difference,
        p,
        smallest_detectable_gap(spread, m, n) if not math.isnan(spread) else math.nan,
        nearer_than_any(best, others),
        m,
        n,
        len(members),
    )


def along_ranks(
    members: np.ndarray, non_members: np.ndarray, firsts: Sequence[int] | None = None, level: float = 0.95
) -> list[dict]:
    """The first k candidates alone, a row a k: `candidates`, `auc`, `auc_low`, `auc_high`, `difference`, `nearer`, `expected`.

    Similarities as for `membership`, best candidate first. `firsts` are the ks, by default 1, 2, 5, 10, 20 ... and all.
    One row is one look: the k that a study reports is stated beforehand, and the best of the curve is nobody's result.
    """
    members, non_members = _pair(members, non_members)
    c = len(members)
    if firsts is None:
        firsts = [k * 10**power for power in range(len(str(c))) for k in (1, 2, 5) if k * 10**power < c] + [c]
    if len(firsts) and not 1 <= min(firsts) <= max(firsts) <= c:
        raise RemnantError(f"The first k candidates must lie in 1 to {c}. Got {list(firsts)} instead.")
    rows = []
    for k in firsts:
        best, others = members[:k].max(0), non_members[:k].max(0)
        area, nearer = mann_whitney_auc(best, others, level), nearer_than_any(best, others)
        gap = float(best.mean() - others.mean()) if len(best) and len(others) else math.nan
        row = {"candidates": int(k), "auc": area.mean, "auc_low": area.low, "auc_high": area.high}
        rows.append(row | {"difference": gap, "nearer": nearer.count, "expected": nearer.expected})
    return rows


def nearer_than_any(members: np.ndarray, non_members: np.ndarray) -> Nearer:
    """Count the `members` (m,) whose score is above every one of the `non_members` (n,).

    Null: the patients were dealt to the groups at random. Then the best j of all are members with the chance
    m! (m + n - j)! / ((m - j)! (m + n)!), the negative hypergeometric distribution of mean m / (n + 1); with ties, j reaches to
    the end of its tie, since a member who only equals a non-member is not above. One such member is what to expect of two
    equal groups: it proves nothing. An empty group gives NaN.
    """
    members, non_members = np.asarray(members, dtype=float), np.asarray(non_members, dtype=float)
    m, n = len(members), len(non_members)
    if m == 0 or n == 0:
        return Nearer(0, math.nan, 0, math.nan)
    _, ties = np.unique(-np.concatenate([members, non_members]), return_counts=True)
    ends = ties.cumsum()
    reach = ends[np.searchsorted(ends, np.arange(1, m + 1))]
    taken = np.arange(m)
    all_members = np.append(1.0, np.cumprod((m - taken) / (m + n - taken)))  # the best t are members, t = 0 ... m
    tail = np.append(1.0, np.where(reach <= m, all_members[np.minimum(reach, m)], 0.0))  # j or more, j = 0 ... m
    count = int((members > non_members.max()).sum())
    most = int(np.flatnonzero(np.append(tail[1:], 0.0) <= 0.05)[0])
    return Nearer(count, float(tail[1:].sum()), most, float(tail[count]))


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


def _difference(
    members: np.ndarray, non_members: np.ndarray, seeds: np.random.Generator, level: float, resamples: int
) -> tuple[Interval, float]:
    m, n = len(members), len(non_members)
    gap = float(members.mean() - non_members.mean()) if m and n else math.nan
    if min(m, n) < 2:
        return Interval(gap, math.nan, math.nan, m + n), math.nan
    found = stats.permutation_test(
        (members, non_members), _gap, vectorized=True, n_resamples=resamples, rng=seeds, batch=1000
    )
    if min(m, n) < FEWEST:
        return Interval(gap, math.nan, math.nan, m + n), float(found.pvalue)
    if np.ptp(members) == 0 and np.ptp(non_members) == 0:
        return Interval(gap, gap, gap, m + n), float(found.pvalue)
    bounds = stats.bootstrap(
        (members, non_members), _gap, n_resamples=resamples, confidence_level=level, rng=seeds, batch=1000
    ).confidence_interval
    return Interval(gap, float(bounds.low), float(bounds.high), m + n), float(found.pvalue)


def _gap(members: np.ndarray, non_members: np.ndarray, axis: int) -> np.ndarray:
    return members.mean(axis) - non_members.mean(axis)


def _pair(members: np.ndarray, non_members: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    members, non_members = _checked(members), _checked(non_members)
    if len(members) != len(non_members) or len(members) == 0:
        raise RemnantError(
            "Members and non-members need the similarities of the same candidates, at least one. "
            f"Got {len(members)} and {len(non_members)} instead."
        )
    return members, non_members


def _checked(similarities: np.ndarray) -> np.ndarray:
    similarities = np.asarray(similarities, dtype=float)
    if similarities.ndim != 2 or not np.isfinite(similarities).all():
        raise RemnantError(
            f"Similarities must be finite, (candidates, patients). Got shape {similarities.shape} with "
            f"{int((~np.isfinite(similarities)).sum())} not finite instead."
        )
    return similarities
