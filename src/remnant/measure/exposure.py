"""What a training tells of each patient by himself: how much better networks with him fit him than networks without him.

Of the two networks of a swap one has the patient and the other has not, and they share no patient (`measure.swaps`). So they
differ as networks of other people do: halves of one cohort mirror each other, and two networks of different swaps, which share
half of their patients, are more alike than that. All here is of these differences (n, swaps), and so of fresh people.
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy import special, stats

from remnant.base.errors import RemnantError
from remnant.measure.intervals import FEWEST_PATIENTS
from remnant.measure.sides import Side, variance_prior
from remnant.measure.swaps import FEWEST_SWAPS

FALSE_DISCOVERIES = 0.05  # of the patients who are called exposed, on average at most
# Degrees of freedom of all patients together, below which it is not known how unlike their spreads are: of 24 patients and four
# swaps, 72, somebody is called exposed in 8% of audits without a leak.
FEWEST_DEGREES = 100
QUANTILES = 32  # of a spread, over which a likelihood is averaged
STEPS = 121  # of true differences, in spreads, that a prior may hold
MOST_DIFFERENCE = 6.0


@dataclass(frozen=True)
class Exposures:
    """Of each patient (n,), over so many `swaps`.

    `effect`: what training on him adds to his fit, in standard deviations of what the fits of networks of other people differ by.
    `exposure`: the chance that a network with him fits him better than one without him, with its 95% interval, `low` and `high`.
    `p`: one-sided, of none; `adjusted` after Benjamini and Hochberg, so that of those at or below a rate at most that share is
    wrong on average. Both are NaN where so few patients and swaps cannot tell (`enough_for_p`).
    """

    effect: np.ndarray
    exposure: np.ndarray
    low: np.ndarray
    high: np.ndarray
    p: np.ndarray
    adjusted: np.ndarray
    swaps: int

    @property
    def flagged(self) -> np.ndarray:
        """Who is exposed at a false discovery rate of `FALSE_DISCOVERIES`, bool (n,)."""
        return np.nan_to_num(self.adjusted, nan=1.0) <= FALSE_DISCOVERIES


def unresolved(patients: int, swaps: int) -> str:
    """Why nothing is said of single patients, empty where it is."""
    if swaps < FEWEST_SWAPS:
        return f"{2 * swaps} shadow models are too few to say anything of single patients; {2 * FEWEST_SWAPS} would do"
    if patients < FEWEST_PATIENTS:
        return f"{patients} patients are too few to say anything of single ones; {FEWEST_PATIENTS} would do"
    return ""


def enough_for_p(patients: int, swaps: int) -> bool:
    """Whether a p a patient holds its size: with `FEWEST_DEGREES` degrees of freedom in all."""
    return patients * (swaps - 1) >= FEWEST_DEGREES


def pair_differences(values: np.ndarray, trained: np.ndarray) -> np.ndarray:
    """How much better the network with a patient fits him than the one without him, float64 (n, swaps).

    `values` (n, networks) and `trained` of the same shape as in `measure.swaps`. How much better one of the two came out is
    taken off, as the mean over all patients, of whom half are on either side. Raises `RemnantError` for other shapes, values
    that are not finite, and for a patient who is in both networks of a swap or in neither.
    """
    values, trained = np.asarray(values, dtype=float), np.asarray(trained, dtype=bool)
    if values.shape != trained.shape or values.ndim != 2 or values.shape[1] % 2 or not np.isfinite(values).all():
        raise RemnantError(
            "Exposure needs one finite value a patient and network, two networks a swap. Got shapes "
            f"{values.shape} and {trained.shape} with {int((~np.isfinite(values)).sum())} values not finite instead."
        )
    if (trained[:, 0::2] == trained[:, 1::2]).any():
        raise RemnantError("Of each swap a patient trains one network and not the other; deal everybody to two halves.")
    apart = values[:, 0::2] - values[:, 1::2]
    apart = apart - apart.mean(0)
    return np.where(trained[:, 0::2], apart, -apart)


def exposures(values: np.ndarray, trained: np.ndarray, *, shrink: bool = False) -> Exposures:
    """The exposure of each patient, from `values` (n, networks), nearly normal and higher for a better fit, by who `trained`
    each.

    With d the mean of a patient's differences, s their standard deviation and R how many there are, exposure is Phi(d / s),
    estimated by Phi(d / s sqrt(R / (R - 1))), which has hardly a bias (Kolmogorov 1950). s is drawn towards that of all patients
    as far as these are alike (Smyth 2004, whose prior is taken one standard error wider), and with it the t-test of d is one of
    f degrees of freedom. The interval is Phi of that of d / s, of variance 1 / R + (d / s)^2 / (2 f) (Hedges 1981), and p is of
    the t-test.

    With `shrink` exposures are posterior means under a normal prior of d / s over all patients (empirical Bayes, Robbins 1956),
    without an interval: it would be too narrow where the prior is found to have no width. They err on nobody on average, and on
    those few who stand out from all others to the low side.

    Raises `RemnantError` as `pair_differences` does, and where `unresolved` says so.
    """
    differences = pair_differences(values, trained)
    n, swaps = differences.shape
    if why := unresolved(n, swaps):
        raise RemnantError(f"{why[0].upper()}{why[1:]}.")
    ratio, freedom = standardised(differences)
    reach = stats.norm.ppf(0.975) * np.sqrt(1 / swaps + ratio**2 / (2 * freedom))
    low, high = special.ndtr(ratio - reach), special.ndtr(ratio + reach)
    p = adjusted = np.full(n, math.nan)
    if enough_for_p(n, swaps):
        p = stats.t.sf(math.sqrt(swaps) * ratio, freedom)
        adjusted = stats.false_discovery_control(p)
    found = special.ndtr(ratio * math.sqrt(swaps / (swaps - 1)))
    if shrink:
        found, low, high = _shrunken(ratio, freedom, swaps), np.full(n, math.nan), np.full(n, math.nan)
    return Exposures(math.sqrt(2) * ratio, found, low, high, p, adjusted, swaps)


def standardised(differences: np.ndarray) -> tuple[np.ndarray, float]:
    """Mean over standard deviation of each patient's `differences` (n, swaps), (n,), and the degrees of freedom of the latter."""
    n, swaps = differences.shape
    mean = differences.mean(1)
    squares = ((differences - mean[:, None]) ** 2).sum(1)
    degrees, within = variance_prior(Side(np.full(n, swaps), mean, squares), wider=1.0)
    variance = (degrees * within + squares) / (degrees + swaps - 1)
    # No more is known of any than of all together.
    return mean / np.sqrt(variance), min(degrees + swaps - 1, float(n * (swaps - 1)))


def spread_of_fresh_people(values: np.ndarray, trained: np.ndarray) -> float:
    """By how much more the fits of networks of fresh people vary than those of halves of one cohort, a ratio of variances, 1 or
    more.

    What a network fits of a patient depends on who else trained it, and on chance. The former is as much above its mean in one
    half as it is below it in the other, so that the difference of the two varies by more than twice what either does. Where
    nothing but the former varies it is 2, as of samples without replacement (Cochran 1977, section 2.6).
    """
    differences = pair_differences(values, trained)
    apart = values - values.mean(1, keepdims=True)
    apart = apart - apart.mean(0)
    swaps = np.asarray(trained, dtype=bool)[:, 0::2]
    inside = np.where(swaps, apart[:, 0::2], apart[:, 1::2])
    outside = np.where(swaps, apart[:, 1::2], apart[:, 0::2])
    each = inside.var(1, ddof=1).sum() + outside.var(1, ddof=1).sum()
    return max(1.0, float(differences.var(1, ddof=1).sum() / each)) if each > 0 else 1.0


def auc_of_fresh_people(auc: float, spread: float) -> float:
    """An AUC by networks of halves of one cohort, as it would be by networks of fresh people, of so much more `spread`, if
    scores are normal: Phi(Phi^-1(auc) / sqrt(spread))."""
    return float(special.ndtr(special.ndtri(auc) / math.sqrt(spread)))


def _shrunken(ratio: np.ndarray, freedom: float, swaps: int) -> np.ndarray:
    """Posterior means of Phi of the true ratio. The likelihood is that of the noncentral t, as the mean of normals over the
    spread (`QUANTILES` of it); of normal priors that with the greatest marginal likelihood is taken."""
    true = np.linspace(-MOST_DIFFERENCE, MOST_DIFFERENCE, 2 * STEPS - 1)
    spreads = np.sqrt(stats.chi2.ppf((np.arange(QUANTILES) + 0.5) / QUANTILES, freedom) / freedom)
    likelihood = np.zeros((len(ratio), len(true)))
    for one in spreads:
        likelihood += one * stats.norm.pdf(math.sqrt(swaps) * (one * ratio[:, None] - true))
    # At the ends of the grid, for whoever lies beyond it.
    likelihood = np.maximum(likelihood, np.finfo(float).tiny)
    widths = np.geomspace(0.02, MOST_DIFFERENCE / 2, 24)
    centres = np.linspace(-1, 3, 41)
    priors = stats.norm.pdf(true, centres[:, None, None], widths[:, None]).reshape(-1, len(true))
    priors /= priors.sum(1, keepdims=True)
    best = priors[np.log(likelihood @ priors.T).sum(0).argmax()]
    weights = likelihood * best
    return weights @ special.ndtr(true) / weights.sum(1)
