"""Areas under ROC curves of independent groups of patients: intervals, paired contrasts, what could have been seen.

Everywhere `positive` (m,) and `negative` (n,) hold one score a patient, higher for more positive. With fewer than
`FEWEST_PATIENTS` in the smaller group no interval is given (NaN), since all of them here are approximations; p-values are exact
there.
"""

import math

import numpy as np
from scipy import optimize, special, stats

from remnant.base.errors import RemnantError
from remnant.measure.intervals import FEWEST_PATIENTS, Difference, Interval, per_patient

RESAMPLES = 2000  # each ranks all patients twice
EXACT_PATIENTS = 1000  # in both groups, up to which an exact p with ties takes under a second
EXACT_SMALLER = 20  # in the smaller group: the same, of a one-sided p
TOGETHER = 250


def few(m: int, n: int) -> bool:
    """Whether groups of m and n patients are too small for an interval that is not exact."""
    return min(m, n) < FEWEST_PATIENTS


def mann_whitney_auc(
    positive: np.ndarray, negative: np.ndarray, level: float = 0.95, design_effect: float = 1.0
) -> Interval:
    """The chance that a positive patient scores above a negative one, ties half (Mann and Whitney 1947); 0.5 is guessing.

    The interval holds every area that the one found is within z standard errors of, at that area's own standard error
    under exponential scores (Newcombe 2006, part 2, method 5). Unlike bootstrap and DeLong it has a width where the
    groups part completely. It assumes groups that spread alike: where 10 patients spread three times as wide as 30, 95% are
    nearer to 88%. `design_effect` multiplies that variance where the two groups are not independent (Kish 1965). `Interval.n`
    counts both groups; a group of fewer than `FEWEST_PATIENTS` has an area without an interval (NaN), an empty one NaN. Raises
    `RemnantError` for scores that are not finite.
    """
    positive, negative = per_patient(positive, "positive"), per_patient(negative, "negative")
    m, n = len(positive), len(negative)
    if m == 0 or n == 0:
        return Interval(math.nan, math.nan, math.nan, m + n)
    won, tied = _won_and_tied(positive, negative)
    return auc_interval((won + tied / 2) / (m * n), m, n, level, design_effect)


def tied_share(positive: np.ndarray, negative: np.ndarray) -> float:
    """The share of pairs of a positive (m,) and a negative (n,) patient with one score."""
    return _won_and_tied(positive, negative)[1] / (len(positive) * len(negative))


def auc_interval(area: float, m: int, n: int, level: float = 0.95, design_effect: float = 1.0) -> Interval:
    """The interval of `mann_whitney_auc` around an AUC that is known, of m against n patients; none of too few."""
    if few(m, n):
        return Interval(area, math.nan, math.nan, m + n)
    z = float(special.ndtri((1 + level) / 2))

    def beyond(true: float) -> float:
        return (area - true) ** 2 - z**2 * design_effect * auc_variance(true, m, n)

    inside = 1e-9  # an area of 1 solves the equation of its own lower end, too
    low = optimize.brentq(beyond, 0, area - inside) if area > 0 else 0.0
    high = optimize.brentq(beyond, area + inside, 1) if area < 1 else 1.0
    return Interval(area, float(low), float(high), m + n)


def auc_p_above(positive: np.ndarray, negative: np.ndarray) -> float:
    """One-sided p of an area no larger than 0.5 (Mann and Whitney 1947), where patients were dealt to the groups at random.

    1 / (m + n over m) is the least that it can be.

    Exact, with ties too, where the smaller group has at most `EXACT_SMALLER` patients (and both up to `EXACT_PATIENTS`), else by
    the normal approximation with its correction for ties. An empty group gives NaN.
    """
    positive, negative = per_patient(positive, "positive"), per_patient(negative, "negative")
    m, n = len(positive), len(negative)
    if (settled := _settled(positive, negative)) is not None:
        return settled
    if min(m, n) <= EXACT_SMALLER and m + n <= EXACT_PATIENTS:
        return _exact_tails(positive, negative)[1]
    return float(stats.mannwhitneyu(positive, negative, alternative="greater", method="asymptotic").pvalue)


def _settled(positive: np.ndarray, negative: np.ndarray) -> float | None:
    """The p that needs no test: NaN of an empty group, 1 where all scores are alike; None where one is needed."""
    if not len(positive) or not len(negative):
        return math.nan
    return 1.0 if np.ptp(np.concatenate([positive, negative])) == 0 else None


def _exact_tails(positive: np.ndarray, negative: np.ndarray) -> tuple[float, float]:
    """The chance of an area as small as it is or smaller, and as large or larger, over all ways to deal the groups."""
    if len(positive) <= len(negative):
        return _rank_sum_tails(positive, negative)
    below, above = _rank_sum_tails(negative, positive)
    return above, below


def _rank_sum_tails(smaller: np.ndarray, larger: np.ndarray) -> tuple[float, float]:
    """Both tails of the rank sum of the `smaller` group, which is dealt from the patients."""
    ranks = np.rint(2 * stats.rankdata(np.concatenate([smaller, larger]))).astype(int)  # ties have halves
    m, own = len(smaller), ranks[: len(smaller)].sum()
    ways = np.zeros((m + 1, np.sort(ranks)[-m:].sum() + 1))  # to take so many of the patients with such a sum
    ways[0, 0] = 1
    for rank in ranks:
        for taken in range(m, 0, -1):
            ways[taken, rank:] += ways[taken - 1, : ways.shape[1] - rank]
    dealt = ways[m]
    return float(dealt[: own + 1].sum() / dealt.sum()), float(dealt[own:].sum() / dealt.sum())


def detectable_auc(m: int, n: int, power: float = 0.8, alpha: float = 0.05, design_effect: float = 1.0) -> float:
    """The area above 0.5 that a two-sided test of m against n patients tells from 0.5 with this power; NaN for no patients.

    Standard errors and `design_effect` as in `mann_whitney_auc`. 1 where even a complete separation would not be enough.
    """
    if m == 0 or n == 0:
        return math.nan

    def error(area: float) -> float:
        return math.sqrt(design_effect * auc_variance(area, m, n))

    critical, z = special.ndtri([1 - alpha / 2, power])
    critical *= error(0.5)

    def excess(area: float) -> float:
        return area - 0.5 - critical - z * error(area)

    return float(optimize.brentq(excess, 0.5, 1)) if excess(1) > 0 else 1.0


def auc_power(area: float, m: int, n: int, alpha: float = 0.05) -> float:
    """The chance that a two-sided test of m against n patients finds an `area` above 0.5, by the errors of `detectable_auc`."""
    critical = special.ndtri(1 - alpha / 2) * math.sqrt(auc_variance(0.5, m, n))
    spread = math.sqrt(auc_variance(area, m, n))
    return float(special.ndtr((area - 0.5 - critical) / spread)) if spread > 0 else float(area - 0.5 > critical)


def auc_contrast(
    first: tuple[np.ndarray, np.ndarray],
    second: tuple[np.ndarray, np.ndarray],
    seeds: np.random.Generator,
    level: float = 0.95,
    resamples: int = RESAMPLES,
) -> Difference:
    """Area of the `first` scores minus that of the `second`, (positive, negative) each, in the same order of patients.

    Null answered by p: within a patient, the rank among all patients under the first scores and under the second could be
    exchanged (Bandos, Rockette and Gur 2005; hits + 1 over resamples + 1). Ranks, so that scores of unlike scales can be
    contrasted. The interval is DeLong's (1988), of which the covariance takes in that the patients are the same; it has
    no width where both areas are 0 or 1, and with a group of fewer than `FEWEST_PATIENTS` there is none (NaN), of one patient
    nothing detectable either. Raises `RemnantError` where the two do not have the same numbers of patients.
    """
    (a, b), (c, d) = (tuple(per_patient(part, "scores") for part in pair) for pair in (first, second))
    if a.shape != c.shape or b.shape != d.shape:
        raise RemnantError(
            f"A contrast needs the same patients twice. Got {len(a)} and {len(b)} against {len(c)} and {len(d)} instead."
        )
    m, n = len(a), len(b)
    if m == 0 or n == 0:
        return Difference(m + n)
    by_patient = _placements(a, b) - _placements(c, d)
    shift = float(by_patient.mean())
    p = _exchange_p((a, b), (c, d), seeds, resamples)
    bound = p == 1 / (resamples + 1)
    if m == 1 or n == 1:
        return Difference(m + n, shift, p=p, p_bound=bound)
    error = math.sqrt(by_patient.mean(1).var(ddof=1) / m + by_patient.mean(0).var(ddof=1) / n)
    z = stats.norm.ppf((1 + level) / 2)
    detectable = (z + stats.norm.ppf(0.8)) * error
    reach = math.nan if few(m, n) else z * error
    return Difference(m + n, shift, float(shift - reach), float(shift + reach), p, bound, float(detectable))


def _exchange_p(
    first: tuple[np.ndarray, np.ndarray],
    second: tuple[np.ndarray, np.ndarray],
    seeds: np.random.Generator,
    resamples: int,
) -> float:
    m, n = len(first[0]), len(first[1])
    ranks = np.stack([stats.rankdata(np.concatenate(pair)) for pair in (first, second)])

    def shifts(exchanged: np.ndarray) -> np.ndarray:
        """Difference of the areas, float64 (r,), where patients are `exchanged` (r, m + n)."""
        one, other = (
            stats.rankdata(np.where(exchanged, ranks[1 - side], ranks[side]), axis=1)[:, :m].sum(1) for side in (0, 1)
        )
        return (one - other) / (m * n)

    observed = abs(shifts(np.zeros((1, m + n), dtype=bool))[0])
    hits = 0
    for start in range(0, resamples, TOGETHER):
        dealt = seeds.integers(0, 2, (min(TOGETHER, resamples - start), m + n), dtype=np.int8).astype(bool)
        hits += int((np.abs(shifts(dealt)) >= observed - 1e-12).sum())
    return (hits + 1) / (resamples + 1)


def _won_and_tied(positive: np.ndarray, negative: np.ndarray) -> tuple[int, int]:
    """How many of all pairs the positive wins, and how many are ties; in memory as much as there are patients."""
    ordered = np.sort(negative)
    below, within = (np.searchsorted(ordered, positive, side=side) for side in ("left", "right"))
    return int(below.sum()), int((within - below).sum())


def _placements(positive: np.ndarray, negative: np.ndarray) -> np.ndarray:
    """Who wins, float32 (m, n): 1 the positive, 0 the negative, 0.5 a tie."""
    left, right = positive[:, None], negative[None]
    return (left > right).astype(np.float32) + np.float32(0.5) * (left == right)


def auc_variance(area: float, m: int, n: int) -> float:
    """Of an estimate of `area` from m and n patients (Hanley and McNeil 1982, with Newcombe's mean of m and n)."""
    more = (m + n) / 2 - 1
    return area * (1 - area) * (1 + more * ((1 - area) / (2 - area) + area / (1 + area))) / (m * n)
