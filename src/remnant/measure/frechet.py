"""Frechet distance between two sets of features, beside what two halves of one set give."""

import math
from dataclasses import dataclass

import numpy as np

from remnant.base.errors import RemnantError
from remnant.measure.intervals import numbered

SPLITS = 20


@dataclass(frozen=True)
class Frechet:
    """A Frechet distance between `n` and `m` images, which says little before `matched` is held against `floor`.

    `matched`: the same at `size` images a side; `floor`: of two halves of the real set, no patient in both, of `size`
    each. Both are means over random splits, `floor_low` and `floor_high` the lowest and highest of them; NaN where the real set
    cannot be halved.
    """

    distance: float
    n: int
    m: int
    size: int
    matched: float
    floor: float
    floor_low: float
    floor_high: float


def frechet_distance(left: np.ndarray, right: np.ndarray) -> float:
    """Squared Frechet distance of two normal distributions fitted to features (n, d) and (m, d) (Dowson and Landau 1982).

    |mu - nu|^2 + tr(C + D - 2 (C D)^(1/2)), as FID takes it of Inception features (Heusel et al. 2017); covariances with
    n - 1. With C = A'A and D = B'B the trace of the root is the sum of the singular values of A B', so that no root of a nearly
    singular matrix is taken and n < d is no trouble. It falls with n and m even between equal distributions: give both
    beside it. Raises `RemnantError` for fewer than two rows, unequal d and features that are not finite.
    """
    left, right = np.asarray(left, dtype=np.float64), np.asarray(right, dtype=np.float64)
    if left.ndim != 2 or right.ndim != 2 or left.shape[1] != right.shape[1] or min(len(left), len(right)) < 2:
        raise RemnantError(
            "The Frechet distance needs two sets of at least two images with as many features. "
            f"Got shapes {left.shape} and {right.shape} instead."
        )
    if not (np.isfinite(left).all() and np.isfinite(right).all()):
        raise RemnantError("The features hold NaN or infinity; check the images that they were taken from.")
    shift = left.mean(0) - right.mean(0)
    (a, b) = (_factor(features) for features in (left, right))
    shared = np.linalg.svd(a @ b.T, compute_uv=False).sum()
    # The terms are large and alike for sets that are: rounding may lead a little below zero.
    return max(float(shift @ shift + (a**2).sum() + (b**2).sum() - 2 * shared), 0.0)


def frechet_with_floor(
    generated: np.ndarray,
    real: np.ndarray,
    seeds: np.random.Generator,
    patients: np.ndarray | None = None,
    splits: int = SPLITS,
) -> Frechet:
    """The distance of `generated` (n, d) to `real` (m, d) features, and what real images of that number give.

    The real set is halved `splits` times, by patient where `patients` (m,) names each row's; `size` is the smaller half, or
    n where that is less. `matched` draws as many generated images for each half. A set as real as the real
    one has `matched` near `floor`; above it lies what the generator adds, below what few images cost.
    """
    generated, real = np.asarray(generated, dtype=np.float64), np.asarray(real, dtype=np.float64)
    distance = frechet_distance(generated, real)
    people, patient = numbered(np.arange(len(real)) if patients is None else patients)
    if patient.shape != real.shape[:1]:
        raise RemnantError(f"The 'patients' must name one a row. Got {len(patient)} for {len(real)} rows instead.")
    halves = []
    for _ in range(splits):
        first = np.isin(patient, seeds.permutation(people)[: people // 2])
        halves.append((seeds.permutation(np.flatnonzero(first)), seeds.permutation(np.flatnonzero(~first))))
    size = min([len(generated), *(len(half) for pair in halves for half in pair)])
    if size < 2:
        return Frechet(distance, len(generated), len(real), size, *[math.nan] * 4)
    matched, floors = [], []
    for one, other in halves:
        part = seeds.permutation(len(generated))[:size]
        matched.append(frechet_distance(generated[part], real[one[:size]]))
        floors.append(frechet_distance(real[one[:size]], real[other[:size]]))
    found = (float(np.mean(matched)), float(np.mean(floors)), min(floors), max(floors))
    return Frechet(distance, len(generated), len(real), size, *found)


def _factor(features: np.ndarray) -> np.ndarray:
    """A (r, d), r <= min(n, d), with A'A the covariance of features (n, d)."""
    centred = (features - features.mean(0)) / math.sqrt(len(features) - 1)
    return np.linalg.qr(centred, mode="r") if len(centred) > centred.shape[1] else centred
