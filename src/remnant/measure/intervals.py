"""Uncertainty over patients: intervals, p-values, the smallest effect that so many could have shown.

The values passed in are one a patient: several scans of a patient are averaged by the caller.
"""

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import optimize, stats

from remnant.base.errors import RemnantError
from remnant.base.texts import counted

RESAMPLES = 10_000
FEWEST_PATIENTS = 10  # patients, below which neither a bootstrap nor a normal approximation may stand for an interval
EXACT_PATIENTS = 16  # up to here all 2^n sign flips are counted


@dataclass(frozen=True)
class Interval:
    """A mean (or fraction, or AUC) of `n` patients and its interval; NaN where n cannot support it."""

    mean: float
    low: float
    high: float
    n: int


@dataclass(frozen=True)
class Difference:
    """What one thing has more than another over the same `n` patients, with its interval and two-sided p.

    `p_bound`: p is at most this, since nothing that was drawn was as extreme. `detectable`: what 80% power would have shown. NaN
    where n cannot support it.
    """

    n: int
    difference: float = math.nan
    low: float = math.nan
    high: float = math.nan
    p: float = math.nan
    p_bound: bool = False
    detectable: float = math.nan


def bootstrap_mean(
    values: np.ndarray, seeds: np.random.Generator, level: float = 0.95, resamples: int = RESAMPLES
) -> Interval:
    """Mean of one value a patient (n,) with its bootstrap interval (SciPy's BCa; Efron 1987).

    n = 0 gives NaN; fewer than `FEWEST_PATIENTS` a mean without an interval (NaN), since there the bootstrap is too narrow:
    95% covers nearer 85 to 90%; equal values of enough patients an interval of no width. NaN among the values raises
    `RemnantError`.
    """
    values = per_patient(values, "values")
    n = len(values)
    if n == 0:
        return Interval(math.nan, math.nan, math.nan, 0)
    mean = float(values.mean())
    if n < FEWEST_PATIENTS:
        return Interval(mean, math.nan, math.nan, n)
    if np.ptp(values) == 0:
        return Interval(float(values[0]), float(values[0]), float(values[0]), n)
    found = stats.bootstrap(
        (values,), np.mean, n_resamples=resamples, confidence_level=level, method="BCa", rng=seeds
    ).confidence_interval
    return Interval(mean, float(found.low), float(found.high), n)


def clopper_pearson(k: int, n: int, level: float = 0.95) -> Interval:
    """Fraction k / n with its exact interval (Clopper and Pearson 1934); NaN where n = 0."""
    if not 0 <= k <= n:
        raise RemnantError(f"A count must lie between 0 and its number of patients. Got {k} of {n} instead.")
    if n == 0:
        return Interval(math.nan, math.nan, math.nan, 0)
    tail = (1 - level) / 2
    low = 0.0 if k == 0 else float(stats.beta.ppf(tail, k, n - k + 1))
    high = 1.0 if k == n else float(stats.beta.ppf(1 - tail, k + 1, n - k))
    return Interval(k / n, low, high, n)


def permutation_p_paired(differences: np.ndarray, seeds: np.random.Generator, resamples: int = RESAMPLES) -> float:
    """Two-sided p-value of a mean of paired differences (n,) by flipping signs.

    Exact for up to 16 patients; beyond, Monte Carlo with (hits + 1) / (resamples + 1) (Phipson and Smyth
    2010), which is never 0. n = 0 gives NaN; n = 1 gives 1. NaN raises `RemnantError`.
    """
    differences = per_patient(differences, "differences")
    n = len(differences)
    if n == 0:
        return math.nan
    exact = n <= EXACT_PATIENTS
    if exact:
        signs = 1.0 - 2.0 * ((np.arange(2**n)[:, None] >> np.arange(n)) & 1)
    else:
        signs = 1.0 - 2.0 * seeds.integers(0, 2, size=(resamples, n), dtype=np.int8)
    observed = abs(differences.sum())
    slack = 1e-12 * np.abs(differences).sum()  # sums of the same numbers in another order are ties, not misses
    hits = int((np.abs(signs @ differences) >= observed - slack).sum())
    return hits / 2**n if exact else (hits + 1) / (resamples + 1)


def paired_difference(
    members: Mapping[Hashable, float],
    non_members: Mapping[Hashable, float],
    seeds: np.random.Generator,
    level: float = 0.95,
) -> Difference:
    """The leak: each patient's value as a member minus the same patient's as a non-member, averaged.

    Both map a patient to one value and must hold the same patients, else `RemnantError`. Interval by
    `bootstrap_mean`, p by `permutation_p_paired`; what so few patients cannot support is NaN.
    """
    if unpaired := sorted(set(members) ^ set(non_members)):
        raise RemnantError(
            "A paired difference needs every patient once as member and once as non-member; "
            f"{counted(len(unpaired), 'patient is', 'patients are')} only one of them, {unpaired[0]!r} first. "
            "Drop them, or use folds that rotate."
        )
    differences = np.array([members[patient] - non_members[patient] for patient in members])
    interval = bootstrap_mean(differences, seeds, level)
    n = len(differences)
    p = permutation_p_paired(differences, seeds)
    return Difference(
        n,
        interval.mean,
        interval.low,
        interval.high,
        p,
        n > EXACT_PATIENTS and p <= 1 / (RESAMPLES + 1),
        smallest_detectable_difference(float(differences.std(ddof=1)) if n > 1 else math.nan, n, alpha=1 - level),
    )


def smallest_detectable_difference(sd: float, n: int, power: float = 0.8, alpha: float = 0.05) -> float:
    """The mean paired difference that a two-sided t-test of n patients finds with this power.

    `sd` is the standard deviation (n - 1) of the differences. Power comes from the noncentral t distribution
    (Cohen 1988). NaN below two patients.
    """
    if n < 2:
        return math.nan
    _check_spread(sd)
    return detectable_noncentrality(n - 1, power, alpha) * sd / math.sqrt(n)


def smallest_detectable_gap(sd: float, m: int, n: int, power: float = 0.8, alpha: float = 0.05) -> float:
    """The difference between the means of two groups of m and n patients that a two-sided t-test finds with this power.

    `sd` is the standard deviation within the groups, pooled. Otherwise as `smallest_detectable_difference`; NaN where a
    group is empty or the two hold fewer than three patients.
    """
    if min(m, n) < 1 or m + n < 3:
        return math.nan
    _check_spread(sd)
    return detectable_noncentrality(m + n - 2, power, alpha) * sd * math.sqrt(1 / m + 1 / n)


def detectable_noncentrality(freedom: int, power: float = 0.8, alpha: float = 0.05) -> float:
    """How many standard errors an effect must have for a two-sided t-test with so many degrees of freedom to have this power."""
    if not 0 < alpha < power < 1:
        raise RemnantError(f"Need 0 < alpha < power < 1. Got {alpha} and {power} instead.")
    critical = stats.t.ppf(1 - alpha / 2, freedom)

    def shortfall(noncentrality: float) -> float:
        # Both tails of a noncentral t are one tail of its square; SciPy's noncentral t has NaN far out.
        return stats.ncf.sf(critical**2, 1, freedom, noncentrality**2) - power

    return optimize.brentq(shortfall, 1e-3, 10 * critical)


def _check_spread(sd: float) -> None:
    if not sd >= 0:
        raise RemnantError(f"A standard deviation is 0 or more. Got {sd} instead.")


def identification_p_value(count: int, chances: np.ndarray) -> float:
    """One-sided p of `count` or more own originals first, where guessing has `chances` (n,) of it.

    The exact tail of a sum of independent coins (with equal chances the binomial test): galleries may differ
    in size where other sessions of a patient are left out. n = 0 gives NaN.
    """
    chances = per_patient(chances, "chances")
    if ((chances < 0) | (chances > 1)).any() or not 0 <= count <= len(chances):
        raise RemnantError(
            f"Chances must lie in [0, 1] and the count in 0 to {len(chances)} patients. Got {count} instead."
        )
    if len(chances) == 0:
        return math.nan
    tally = np.ones(1)
    for chance in chances:
        tally = np.convolve(tally, [1 - chance, chance])
    return float(min(tally[count:].sum(), 1.0))


def numbered(patients: Sequence[object] | np.ndarray) -> tuple[int, np.ndarray]:
    """How many patients these (n,) are, and the number of each, int (n,), in the order in which they first appear.

    Not in that of their names: pseudonyms differ from run to run, and what is drawn at random would with them.
    """
    names, first, place = np.unique(np.asarray(patients).ravel(), return_index=True, return_inverse=True)
    numbers = np.empty(len(names), dtype=int)
    numbers[np.argsort(first)] = np.arange(len(names))
    return len(names), numbers[place]


def per_patient(values: np.ndarray, name: str) -> np.ndarray:
    """`values` as float64 (n,); raise `RemnantError` unless they are one finite number a patient. `name` is theirs."""
    values = np.asarray(values, dtype=float)
    if values.ndim != 1 or not np.isfinite(values).all():
        raise RemnantError(
            f"The '{name}' must be one finite number a patient, shape (n,). Got shape {values.shape} with "
            f"{int((~np.isfinite(values)).sum())} not finite instead."
        )
    return values
