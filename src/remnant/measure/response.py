"""Which similarity is best: how well each finds the patient, and how each answers to graded damage.

Subbanna 2021 compares its metrics by how many originals each ranks first. Here every metric is a function from
degraded images (n, *spatial) to its scores (n, n) against their originals, in the same order, higher for more alike:
of a distance pass the negative, of Dice the matrix of the images' segmentations.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from remnant.base.errors import RemnantError
from remnant.measure.identity import Search
from remnant.measure.intervals import bootstrap_mean

Scores = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Degradation:
    """A graded damage: `apply(image, level, spacing_mm, random)` on one image in [0, 1]; a level of 0 does nothing.

    What leaves [0, 1] is clipped by `response`.
    """

    apply: Callable[[np.ndarray, float, float, np.random.Generator], np.ndarray]
    levels: tuple[float, ...]
    unit: str


def blur(image: np.ndarray, sigma_mm: float, spacing_mm: float, random: np.random.Generator) -> np.ndarray:
    """A Gaussian of `sigma_mm`."""
    return ndimage.gaussian_filter(image, sigma_mm / spacing_mm)


def rician(image: np.ndarray, share: float, spacing_mm: float, random: np.random.Generator) -> np.ndarray:
    """Magnitude of complex Gaussian noise (Gudbjartsson and Patz 1995) of deviation `share` (1 / SNR) of the mean head."""
    deviation = share * float(image[image > 0].mean()) if (image > 0).any() else 0.0
    real, imaginary = deviation * random.standard_normal((2, *image.shape), dtype=np.float32)
    return np.hypot(image + real, imaginary)


def gamma(image: np.ndarray, octaves: float, spacing_mm: float, random: np.random.Generator) -> np.ndarray:
    """Grey levels to the power 2 ** `octaves`."""
    return image ** np.float32(2**octaves)


def sigmoid(image: np.ndarray, steepness: float, spacing_mm: float, random: np.random.Generator) -> np.ndarray:
    """A logistic curve of this steepness about 0.5, scaled to keep 0 and 1."""
    if steepness == 0:
        return image
    return (np.tanh(steepness * (image - 0.5) / 2) / np.tanh(steepness / 4) + 1) / 2


DEGRADATIONS = {
    "blur": Degradation(blur, (0, 1, 2, 4, 6, 8), "sigma, mm"),
    "noise": Degradation(rician, (0, 0.02, 0.05, 0.1, 0.2, 0.4), "deviation / mean signal"),
    "gamma": Degradation(gamma, (0, 0.25, 0.5, 1, 1.5, 2), "octaves of gamma"),
    "sigmoid": Degradation(sigmoid, (0, 2, 4, 8, 12, 16), "steepness"),
}


def compare(
    matrices: Mapping[str, np.ndarray],
    own: np.ndarray,
    random: np.random.Generator,
    *,
    allowed: np.ndarray | None = None,
) -> list[dict]:
    """How well each metric finds the own original: a row a metric.

    `matrices` hold scores (n, m), higher for more alike, a row a patient; `own` and `allowed` as in `identity`. Columns:
    `metric`, `n`, `gallery` (candidates, at most), `rank1_count`, `rank1` with its exact interval `rank1_low`,
    `rank1_high`, `mean_rank`, `chance`, and the `auc` of own against others with `auc_low`, `auc_high`.
    """
    rows = []
    for metric, scores in matrices.items():
        search = Search(scores, own, allowed)
        first, auc = search.rank1(), search.auc(random)
        rows.append(
            {
                "metric": metric,
                "n": first.n,
                "gallery": search.gallery,
                "rank1_count": search.count,
                "rank1": first.mean,
                "rank1_low": first.low,
                "rank1_high": first.high,
                "mean_rank": search.mean_rank,
                "chance": search.chance,
                "auc": auc.mean,
                "auc_low": auc.low,
                "auc_high": auc.high,
            }
        )
    return rows


def response(
    images: np.ndarray,
    spacing_mm: float,
    matrices: Mapping[str, Scores],
    random: np.random.Generator,
    degradations: Mapping[str, Degradation] = DEGRADATIONS,
) -> list[dict]:
    """How each metric answers when `images` (n, *spatial), float32 in [0, 1], one a patient, are degraded.

    A row a degradation, level and metric: `compare`'s columns and `degradation`, `level`, `unit`, and `own`, the mean of
    each image's score with its own original, with its bootstrap interval `own_low`, `own_high`. That is normalised
    image by image: 1 is the score of the undamaged image with itself, 0 the mean of its scores with the others, so
    that metrics of unlike scales share an axis; below 0 the own original is less alike than others used to be. All
    metrics see the same noise. Raises `RemnantError` for fewer than two images, and where a metric cannot tell an
    image from the others even undamaged.
    """
    images = np.asarray(images, dtype=np.float32)
    n = len(images)
    if n < 2:
        raise RemnantError(f"A response needs the images of at least two patients. Got {n} instead.")
    own, others = np.arange(n), ~np.eye(n, dtype=bool)
    scales = {}
    for metric, scores in matrices.items():
        clean = np.asarray(scores(images), dtype=float)
        if clean.shape != (n, n):
            raise RemnantError(f"The metric {metric} must score {n} images with {n}. Got {clean.shape} instead.")
        low = clean.sum(1, where=others) / (n - 1)
        if not (clean.diagonal() > low).all():
            raise RemnantError(f"The metric {metric} does not tell an image from the others; is higher more alike?")
        scales[metric] = low, clean.diagonal() - low
    rows = []
    for name, degradation in degradations.items():
        for level in degradation.levels:
            damaged = np.stack([degradation.apply(image, level, spacing_mm, random) for image in images])
            damaged = damaged.clip(0, 1).astype(np.float32)  # rounding may lead a little beyond the range
            for metric, scores in matrices.items():
                found = np.asarray(scores(damaged), dtype=float)
                low, span = scales[metric]
                kept = bootstrap_mean((found.diagonal() - low) / span, random)
                (row,) = compare({metric: found}, own, random)
                where = {"degradation": name, "level": float(level), "unit": degradation.unit}
                rows.append(where | row | {"own": kept.mean, "own_low": kept.low, "own_high": kept.high})
    return rows
