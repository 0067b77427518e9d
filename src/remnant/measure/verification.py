"""Are two images of one patient? What an adversary's scores of pairs tell (Kim 2019).

Everywhere `scores` (n,) hold one finite score a pair, higher for more likely the same patient, and `patients` (n, 2) name the
patients of its two images: a pair is of one patient where the names are equal. A pair is called the same from the
threshold on. `RemnantError` for other shapes, and without pairs of both kinds.

Accuracy is balanced: the mean of the shares right among the pairs of one patient and among those of two.
"""

import math
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from remnant.base.errors import RemnantError
from remnant.measure.auc import RESAMPLES, TOGETHER, Contrast, detectable_auc, few
from remnant.measure.intervals import Interval, clopper_pearson, numbered

UNTIED = 200  # ways to break ties at random
CONTROL = 0.95  # balanced accuracy on raw images, below which an adversary's failure says nothing of a code


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
        return self.balanced.mean >= CONTROL


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
    scores, patients, same = _checked(scores, patients)
    best = best_threshold(scores, patients)

    def measured(weights: np.ndarray) -> np.ndarray:
        """Both accuracies and the area, float64 (3, r), where pairs weigh `weights` (r, n); NaN without a kind."""
        with np.errstate(invalid="ignore"):
            return np.stack(
                [*(_balanced(scores >= cut, same, weights) for cut in (threshold, best)), _area(scores, same, weights)]
            )

    found = measured(np.ones((1, len(scores))))[:, 0]
    spread = np.concatenate([measured(weights) for weights in _resampled(patients, same, seeds, resamples)], axis=1)
    people, fewest = len(np.unique(patients)), _fewest(patients, same)
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
        _best_by_chance(scores, same, seeds, resamples),
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
) -> Contrast:
    """Area under the ROC curve of `first` minus that of `second`, two adversaries' scores (n,) of the same pairs.

    Each as it stands: turn those of an adversary that is surely wrong before. The interval is the
    percentile bootstrap of `verification` on the same draws for both, so that what the two have in common cancels out; p,
    two-sided, is twice the share of draws on the other side of zero. `n` counts patients. Where neither makes a fault, or one is
    all right and the other all wrong, the interval is what as many patients without a fault allow; else of `few`
    patients in pairs of either kind there is neither interval nor p. For scores that are a matrix,
    see `matrix_pairs`. Raises `RemnantError` as `verification` does.
    """
    first, patients, same = _checked(first, patients)
    second = _checked(second, patients)[0]

    def areas(weights: np.ndarray) -> np.ndarray:
        """float64 (2, r)."""
        with np.errstate(invalid="ignore"):
            return np.stack([_area(scores, same, weights) for scores in (first, second)])

    found = areas(np.ones((1, len(same))))[:, 0]
    difference, people, fewest = float(found[0] - found[1]), len(np.unique(patients)), _fewest(patients, same)
    spread = np.concatenate([areas(weights) for weights in _resampled(patients, same, seeds, resamples)], axis=1)
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
    return Contrast(difference, low, high, p, detectable, people, bound)


def matrix_pairs(
    scores: np.ndarray, rows: Sequence[Hashable], columns: Sequence[Hashable]
) -> tuple[np.ndarray, list[tuple[Hashable, Hashable]]]:
    """A matrix of `scores` (n, m) of images of `rows` (n,) with images of `columns` (m,) as pairs: (n m,) and their patients.

    The area of the pairs is that of own versus others, as of redrawn scans with the scans themselves.
    """
    scores = np.asarray(scores, dtype=float)
    if scores.shape != (len(rows), len(columns)):
        raise RemnantError(f"Got {len(rows)} rows' and {len(columns)} columns' patients for scores {scores.shape}.")
    return scores.ravel(), [(row, column) for row in rows for column in columns]


def best_threshold(scores: np.ndarray, patients: Sequence[tuple[str, str]]) -> float:
    """The threshold of the highest balanced accuracy on these pairs, in the middle between two scores.

    Of equally good ones the one in the widest gap. Scores that are worse than none get one that calls all pairs the same.
    """
    scores, _, same = _checked(scores, patients)
    order = np.argsort(scores)
    ordered = scores[order]
    reached = _balanced_by_cut(ordered, same[order][None])[0]
    gaps = np.concatenate([[0.0], np.diff(ordered), [0.0]])
    cut = int(np.lexsort((-gaps, -reached.round(12)))[0])
    if cut == 0:
        return float(ordered[0])
    below = ordered[cut - 1]
    middle = (below + ordered[cut]) / 2 if cut < len(ordered) else below
    return float(max(middle, np.nextafter(below, math.inf)))


def _resampled(
    patients: np.ndarray, same: np.ndarray, seeds: np.random.Generator, resamples: int
) -> Iterator[np.ndarray]:
    """How often each pair counts, float64 (r, n) a block, in draws of as many patients with replacement."""
    people, place = numbered(patients)
    first, second = place.reshape(patients.shape).T
    for start in range(0, resamples, TOGETHER):
        times = seeds.multinomial(people, np.full(people, 1 / people), min(TOGETHER, resamples - start))
        yield times[:, first] * np.where(same, 1.0, times[:, second])


def _fewest(patients: np.ndarray, same: np.ndarray) -> int:
    """Patients in pairs of one, or in pairs of two where those are fewer."""
    return min(len(np.unique(patients[kind])) for kind in (same, ~same))


def _balanced(called: np.ndarray, same: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Balanced accuracy, float64 (r,), of pairs `called` (n,) the same, weighing `weights` (r, n)."""
    right = called == same
    shares = [weights[:, kind] @ right[kind] / weights[:, kind].sum(1) for kind in (same, ~same)]
    return (shares[0] + shares[1]) / 2


def _area(scores: np.ndarray, same: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Area under the ROC curve, ties half, float64 (r,), of pairs that weigh `weights` (r, n)."""
    order = np.argsort(scores[~same])
    pool = scores[~same][order]
    beneath = np.zeros((len(weights), len(pool) + 1))
    np.cumsum(weights[:, ~same][:, order], axis=1, out=beneath[:, 1:])
    low, high = (np.searchsorted(pool, scores[same], side) for side in ("left", "right"))
    beaten = (beneath[:, low] + beneath[:, high]) / 2
    return (weights[:, same] * beaten).sum(1) / (weights[:, same].sum(1) * beneath[:, -1])


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
        areas.append(_area(ranks + broken, same, weights)[0])
    return float(np.std(areas))


def _balanced_by_cut(ordered: np.ndarray, same: np.ndarray) -> np.ndarray:
    """Balanced accuracy, float64 (r, n + 1), when the k lowest scores are called different, k = 0 ... n.

    `ordered` scores (n,) rise; `same` (r, n) is in their order. -1 where k would part equal scores.
    """
    reached = np.full((len(same), len(ordered) + 1), 0.5)
    gain = np.where(same, -1 / same.sum(1, keepdims=True), 1 / (~same).sum(1, keepdims=True))
    reached[:, 1:] += np.cumsum(gain, axis=1) / 2
    reached[:, np.flatnonzero(np.diff(ordered) == 0) + 1] = -1
    return reached


def _best_by_chance(scores: np.ndarray, same: np.ndarray, seeds: np.random.Generator, resamples: int) -> float:
    """Mean of the best balanced accuracy when the kinds are dealt to the pairs anew."""
    ordered, total = np.sort(scores), 0.0
    for start in range(0, resamples, TOGETHER):
        dealt = seeds.permuted(np.tile(same, (min(TOGETHER, resamples - start), 1)), axis=1)
        total += _balanced_by_cut(ordered, dealt).max(1).sum()
    return float(total / resamples)


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


def _checked(scores: np.ndarray, patients: Sequence[tuple[str, str]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scores float64 (n,), patients (n, 2), and which pairs are of one patient."""
    scores, patients = np.asarray(scores, dtype=float), np.asarray(patients)
    if scores.ndim != 1 or patients.shape != (len(scores), 2) or not np.isfinite(scores).all():
        raise RemnantError(
            "Pairs need one finite score (n,) and the patients of both images (n, 2) each. Got shapes "
            f"{scores.shape} and {patients.shape} with {int((~np.isfinite(scores)).sum())} scores not finite instead."
        )
    same = patients[:, 0] == patients[:, 1]
    if same.all() or not same.any():
        raise RemnantError(
            "Telling patients apart needs pairs of one patient and pairs of two; add sessions or patients. "
            f"Got {int(same.sum())} and {int((~same).sum())} instead."
        )
    return scores, patients, same
