"""Pairs of images with a score each: checked, drawn anew by patients, and the area under their ROC curve.

Everywhere `scores` (n,) hold one finite score a pair, higher for more likely the same patient, and `patients` (n, 2) name the
patients of its two images: a pair is of one patient where the names are equal.
"""

from collections.abc import Hashable, Iterator, Sequence

import numpy as np

from remnant.base.errors import RemnantError
from remnant.measure.auc import TOGETHER
from remnant.measure.intervals import numbered


def checked_pairs(scores: np.ndarray, patients: Sequence[tuple[str, str]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
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


def resampled_weights(
    patients: np.ndarray, same: np.ndarray, seeds: np.random.Generator, resamples: int
) -> Iterator[np.ndarray]:
    """How often each pair counts, float64 (r, n) a block, in draws of as many patients with replacement."""
    people, place = numbered(patients)
    first, second = place.reshape(patients.shape).T
    for start in range(0, resamples, TOGETHER):
        times = seeds.multinomial(people, np.full(people, 1 / people), min(TOGETHER, resamples - start))
        yield times[:, first] * np.where(same, 1.0, times[:, second])


def fewest_patients(patients: np.ndarray, same: np.ndarray) -> int:
    """Patients in pairs of one, or in pairs of two where those are fewer."""
    return min(len(np.unique(patients[kind])) for kind in (same, ~same))


def weighted_area(scores: np.ndarray, same: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Area under the ROC curve, ties half, float64 (r,), of pairs that weigh `weights` (r, n)."""
    order = np.argsort(scores[~same])
    pool = scores[~same][order]
    beneath = np.zeros((len(weights), len(pool) + 1))
    np.cumsum(weights[:, ~same][:, order], axis=1, out=beneath[:, 1:])
    low, high = (np.searchsorted(pool, scores[same], side) for side in ("left", "right"))
    beaten = (beneath[:, low] + beneath[:, high]) / 2
    return (weights[:, same] * beaten).sum(1) / (weights[:, same].sum(1) * beneath[:, -1])
