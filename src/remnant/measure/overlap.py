"""Overlap of label maps."""

import math

import numpy as np

from remnant.base.errors import RemnantError

CHUNK = 2**16  # voxels of every map compared at one time


def dice(prediction: np.ndarray, reference: np.ndarray, classes: int) -> np.ndarray:
    """Dice coefficient 2|A and B| / (|A| + |B|) (Dice 1945), float64 (n, classes), a column a class index.

    Both label maps are integers (n, *spatial) below `classes`, which counts the background (column 0) too.
    NaN where neither map holds the class. Raises `RemnantError` for unequal shapes and labels outside the
    classes.
    """
    prediction, reference = _checked(prediction, classes, "prediction"), _checked(reference, classes, "reference")
    if prediction.shape != reference.shape:
        raise RemnantError(
            "Dice needs two label maps (n, *spatial) of one shape. Got "
            f"{prediction.shape} and {reference.shape} instead."
        )
    values = np.full((len(prediction), classes), np.nan)
    for row, (a, b) in enumerate(zip(prediction, reference, strict=True)):
        joint = np.bincount(a.ravel().astype(np.int64) * classes + b.ravel(), minlength=classes**2)
        joint = joint.reshape(classes, classes)
        either = joint.sum(0) + joint.sum(1)
        np.divide(2 * joint.diagonal(), either, out=values[row], where=either > 0)
    return values


def dice_matrix(segmentations: np.ndarray, gallery: np.ndarray, classes: int) -> np.ndarray:
    """Mean Dice over the foreground classes, float64 (n, m), of segmentations (n, *spatial) with a gallery (m, *spatial).

    Row i, column j is `mean_dice(dice(segmentations[i], gallery[j]))`: integer maps below `classes`, without the background
    and without classes that neither holds. Two maps without any foreground agree on nothing that could tell a patient:
    their entry is 0. A class's voxels in common are one matrix product for all pairs. Raises what `dice` raises.
    """
    segmentations = _checked(segmentations, classes, "segmentations")
    gallery = _checked(gallery, classes, "gallery")
    if segmentations.shape[1:] != gallery.shape[1:]:
        raise RemnantError(
            "The segmentations and the gallery must lie on one grid. Got "
            f"{segmentations.shape[1:]} and {gallery.shape[1:]} instead; resample one of them."
        )
    voxels = math.prod(gallery.shape[1:])
    left, right = segmentations.reshape(len(segmentations), voxels), gallery.reshape(len(gallery), voxels)
    total, held = np.zeros((len(left), len(right))), np.zeros((len(left), len(right)), dtype=int)
    for label in range(1, classes):
        joint = np.zeros(total.shape)
        either = (left == label).sum(1)[:, None] + (right == label).sum(1)
        for start in range(0, left.shape[1], CHUNK):
            a, b = ((maps[:, start : start + CHUNK] == label).astype(np.float32) for maps in (left, right))
            joint += a @ b.T  # counts of a chunk are whole numbers that single precision holds exactly
        total += np.divide(2 * joint, either, out=np.zeros(total.shape), where=either > 0)
        held += either > 0
    return np.divide(total, held, out=np.zeros(total.shape), where=held > 0)


def mean_dice(values: np.ndarray) -> np.ndarray:
    """Mean over the classes of `dice`'s (n, classes), float64 (n,), without background and absent classes.

    NaN for a case without any class.
    """
    tissues = np.asarray(values, dtype=float)[:, 1:]
    held = np.isfinite(tissues)
    mean = np.full(len(tissues), np.nan)
    np.divide(np.where(held, tissues, 0).sum(1), held.sum(1), out=mean, where=held.any(1))
    return mean


def weighted_dice(values: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Mean over the classes of `dice`'s (n, classes), weighted by region size, float64 (n,): the "overall" of Kim 2019.

    A class weighs by its voxels in `reference` (n, *spatial), the truth: the background is left out, and a class that only
    the prediction holds weighs nothing. NaN for a case without any class.
    """
    values = np.asarray(values, dtype=float)
    reference = _checked(reference, values.shape[1], "reference")
    sizes = np.stack(
        [(reference == label).reshape(len(reference), -1).sum(1) for label in range(1, values.shape[1])], 1
    )
    total = np.where(sizes > 0, values[:, 1:] * sizes, 0).sum(1)
    return np.divide(total, sizes.sum(1), out=np.full(len(values), np.nan), where=sizes.any(1))


def _checked(labels: np.ndarray, classes: int, name: str) -> np.ndarray:
    labels = np.asarray(labels)
    if labels.ndim < 2:
        raise RemnantError(
            f"The {name} must be label maps of one shape, (n, *spatial). Got shape {labels.shape} instead."
        )
    if not np.issubdtype(labels.dtype, np.integer):
        raise RemnantError(f"The {name} must hold integer class indices. Got {labels.dtype} instead.")
    if labels.size and (labels.min() < 0 or labels.max() >= classes):
        raise RemnantError(
            f"The {name} must hold class indices from 0 to {classes - 1}. "
            f"Got {labels.min()} to {labels.max()} instead; check the label scheme."
        )
    return labels
