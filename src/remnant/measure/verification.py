"""Are two images of one patient? What an adversary's scores of pairs tell (Kim 2019).

Scores and patients of pairs as in `measure.scored_pairs`; a pair is called the same from the threshold on. `RemnantError` for
other shapes, and without pairs of both kinds.

Accuracy is balanced: the mean of the shares right among the pairs of one patient and among those of two.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from remnant.measure.auc import RESAMPLES, detectable_auc, few
from remnant.measure.intervals import Difference, Interval, clopper_pearson, numbered
from remnant.measure.scored_pairs import checked_pairs, fewest_patients, resampled_weights, weighted_area
from remnant.measure.threshold import best_by_chance, best_threshold

UNTIED = 200  # ways to break ties at random
CONTROL_ACCURACY = 0.95  # balanced accuracy on raw images, below which an adversary's failure says nothing of a code


@dataclass(frozen=True)
class Verification:
    """What an adversary makes of pairs. All three intervals count patients and are over patients.

    `balanced`: accuracy at the `threshold` that was chosen elsewhere. `best`: at the threshold that is best on these very
    pairs, as the paper prints it; `best_chance` is what that choice alone gives an adversary who knows nothing. Its
    interval holds that threshold fixed. `p`: two-sided, of an area of 0.5; NaN of too few patients. `detectable`: the area
    above 0.5 that 80% power would have shown. `same`, `different`: pairs.
    """

    threshold: float
    balanced: Interval
    best: Interval
    best_chance: float
    auc: Interval
    p: float
    detectable: float
    same: int
    different: int

    @property
    def strength(self) -> float:
        """The area, whichever way round: whoever is confidently wrong has one below 0.5, and knows the answer."""
        return max(self.auc.mean, 1 - self.auc.mean)

    @property
    def passes_as_control(self) -> bool:
        """Whether these scores, of raw images, come from an adversary whose failure elsewhere counts."""
        return self.balanced.mean >= CONTROL_ACCURACY


def verification(
    scores: np.ndarray,
    patients: Sequence[tuple[str, str]],
    threshold: float,
    seeds: np.random.Generator,
    level: float = 0.95,
    resamples: int = RESAMPLES,
) -> Verification:
    """Hold the `scores` (n,) of test pairs against the `patients` (n, 2) of their images.

    `threshold` comes from other patients (`best_threshold`). Intervals are the percentile bootstrap over patients: of one drawn
    k times and another drawn l times, a pair of the first alone counts k times and a pair of both k l times, so that what
    pairs share through a patient is in the width (the vertex bootstrap of Snijders and Borgatti 1999; on two axes the
    pigeonhole bootstrap of Owen 2007). What is peculiar to a single pair of two patients counts up to threefold in the
    variance: where patients have few such pairs the intervals are too wide, so draw many. Where every pair is right, or
    every one wrong, resampling has no width, and the exact bound for as many patients without a fault stands instead
    (Clopper and Pearson), with the detectable area of as many. Where pairs of either kind are of `few` patients that exact one
    is the only interval.

    Percentiles of few patients are too near to each other, and are taken further out, by Student's t (Hesterberg 2015, expanded
    percentiles). Scores that are tied have hardly a width either, where all pairs of one patient got the same: what breaking
    their ties at random, for each patient anew, does to the area is added to its draws.

    p takes the bootstrap's standard error and Student's t of as many patients, so that it goes on where no draw is left: it is
    meant for Holm over many adversaries. Of pairs without a fault it is exact, that of the exact bound.
    """
    scores, patients, same = checked_pairs(scores, patients)
    best = best_threshold(scores, patients)

    def measured(weights: np.ndarray) -> np.ndarray:
        """Both accuracies and the area, float64 (3, r), where pairs weigh `weights` (r, n); NaN without a kind."""
        with np.errstate(invalid="ignore"):
            return np.stack(
                [
                    *(_balanced(scores >= cut, same, weights) for cut in (threshold, best)),
                    weighted_area(scores, same, weights),
                ]
            )

    found = measured(np.ones((1, len(scores))))[:, 0]
    spread = np.concatenate(
        [measured(weights) for weights in resampled_weights(patients, same, seeds, resamples)], axis=1
    )
    people, fewest = len(np.unique(patients)), fewest_patients(patients, same)
    spread[2] += _by_ties(scores, patients, same, seeds) * seeds.normal(size=spread.shape[1])
    balanced, best_balanced, area = (
        _interval(value, row[np.isfinite(row)], level, people, fewest) for value, row in zip(found, spread, strict=True)
    )
    # A bootstrap over n has the variance of n - 1.
    error, alpha = float(np.nanstd(spread[2])) * math.sqrt(fewest / max(1, fewest - 1)), 1 - level
    if area.mean in (0, 1):
        detectable = detectable_auc(fewest, fewest, alpha=alpha)
    else:
        z = stats.norm.ppf(1 - alpha / 2) + stats.norm.ppf(0.8)
        detectable = min(1.0, 0.5 + float(z) * error)
    return Verification(
        float(threshold),
        balanced,
        best_balanced,
        best_by_chance(scores, same, seeds),
        area,
        _chance(area.mean, error, fewest),
        detectable,
        int(same.sum()),
        int((~same).sum()),
    )


def verification_contrast(
    first: np.ndarray,
    second: np.ndarray,
    patients: Sequence[tuple[str, str]],
    seeds: np.random.Generator,
    level: float = 0.95,
    resamples: int = RESAMPLES,
) -> Difference:
    """Area under the ROC curve of `first` minus that of `second`, two adversaries' scores (n,) of the same pairs.

    Each as it stands: turn those of an adversary that is surely wrong before. The interval is the
    percentile bootstrap of `verification` on the same draws for both, so that what the two have in common cancels out; p,
    two-sided, is twice the share of draws on the other side of zero. `n` counts patients. Where neither makes a fault, or one is
    all right and the other all wrong, the interval is what as many patients without a fault allow; else of `few`
    patients in pairs of either kind there is neither interval nor p. For scores that are a matrix, see
    `scored_pairs.matrix_pairs`. Raises `RemnantError` as `verification` does.

    Of few patients it is a little too narrow: where two adversaries were of one strength it missed zero, with p of 0.05 at
    most, in 6 to 8% of 500 simulated sets of pairs of 12 to 24 patients, and in 4 to 5% of 60 patients'.
    """
    first, patients, same = checked_pairs(first, patients)
    second = checked_pairs(second, patients)[0]

    def areas(weights: np.ndarray) -> np.ndarray:
        """float64 (2, r)."""
        with np.errstate(invalid="ignore"):
            return np.stack([weighted_area(scores, same, weights) for scores in (first, second)])

    found = areas(np.ones((1, len(same))))[:, 0]
    difference, people, fewest = float(found[0] - found[1]), len(np.unique(patients)), fewest_patients(patients, same)
    spread = np.concatenate([areas(weights) for weights in resampled_weights(patients, same, seeds, resamples)], axis=1)
    drawn = (spread[0] - spread[1])[np.isfinite(spread[0])]
    tail = min((drawn <= 0).sum(), (drawn >= 0).sum())
    p = min(1.0, 2 * float(tail + 1) / (len(drawn) + 1))
    bound = bool(tail == 0)
    z = stats.norm.ppf((1 + level) / 2) + stats.norm.ppf(0.8)
    detectable = float(z * drawn.std())
    if np.isin(found, (0, 1)).all():
        faulty = 1 - clopper_pearson(fewest, fewest, level).low
        low, high, detectable = max(-1.0, difference - faulty), min(1.0, difference + faulty), faulty
    elif few(fewest, fewest):
        low, high, detectable, p = math.nan, math.nan, math.nan, math.nan
    else:
        low, high = (float(end) for end in np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2]))
    return Difference(people, difference, low, high, p, bound, detectable)


def _balanced(called: np.ndarray, same: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Balanced accuracy, float64 (r,), of pairs `called` (n,) the same, weighing `weights` (r, n)."""
    right = called == same
    shares = [weights[:, kind] @ right[kind] / weights[:, kind].sum(1) for kind in (same, ~same)]
    return (shares[0] + shares[1]) / 2


def _by_ties(scores: np.ndarray, patients: np.ndarray, same: np.ndarray, seeds: np.random.Generator) -> float:
    """Standard deviation of the area where ties are broken at random, a patient's own pairs alike; 0 without ties, and where all
    scores are one."""
    values, ranks = np.unique(scores, return_inverse=True)
    if len(values) in (1, len(scores)):
        return 0.0
    people, place = numbered(patients)
    owner = place.reshape(patients.shape)[:, 0]
    weights, areas = np.ones((1, len(scores))), []
    for _ in range(UNTIED):
        broken = np.where(same, seeds.random(people)[owner], seeds.random(len(scores)))
        areas.append(weighted_area(ranks + broken, same, weights)[0])
    return float(np.std(areas))


def _interval(value: float, drawn: np.ndarray, level: float, n: int, fewest: int) -> Interval:
    """Percentiles of the `drawn`, or what `fewest` patients without a fault, or with nothing else, allow; of `n` in all."""
    if value in (0, 1):
        faultless = clopper_pearson(fewest * int(value), fewest, level)
        return Interval(float(value), faultless.low, faultless.high, n)
    if few(fewest, fewest):
        return Interval(float(value), math.nan, math.nan, n)
    reach = math.sqrt(fewest / (fewest - 1)) * stats.t.ppf((1 + level) / 2, fewest - 1)
    low, high = np.clip(np.quantile(drawn, stats.norm.cdf([-reach, reach])), 0, 1)
    return Interval(float(value), float(low), float(high), n)


def _chance(area: float, error: float, fewest: int) -> float:
    """Two-sided p of this `area`, of its standard `error` and of as many patients as its rarer kind of pairs has."""
    if area in (0, 1):
        return min(1.0, 2 * 0.5**fewest)
    if few(fewest, fewest) or not math.isfinite(error):
        return math.nan
    if error == 0:
        # Scores that are all alike, or as alike in whoever is drawn.
        return 1.0 if area == 0.5 else math.nan
    return float(2 * stats.t.sf(abs(area - 0.5) / error, fewest - 1))
