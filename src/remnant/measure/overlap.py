"""Overlap of label maps."""

import numpy as np

from remnant.base.errors import RemnantError


def dice(prediction: np.ndarray, reference: np.ndarray, classes: int) -> np.ndarray:
    """Dice coefficient 2|A and B| / (|A| + |B|) (Dice 1945), float64 (n, classes), a column a class index.

    Both label maps are integers (n, *spatial) below `classes`, which counts the background (column 0) too.
    NaN where neither map holds the class. Raises `RemnantError` for unequal shapes and labels outside the
    classes.
    """
    prediction, reference = np.asarray(prediction), np.asarray(reference)
    if prediction.shape != reference.shape or prediction.ndim < 2:
        raise RemnantError(
            "Dice needs two label maps (n, *spatial) of one shape. Got "
            f"{prediction.shape} and {reference.shape} instead."
        )
    for name, labels in (("prediction", prediction), ("reference", reference)):
        if not np.issubdtype(labels.dtype, np.integer):
            raise RemnantError(f"The {name} must hold integer class indices. Got {labels.dtype} instead.")
        if labels.size and (labels.min() < 0 or labels.max() >= classes):
            raise RemnantError(
                f"The {name} must hold class indices from 0 to {classes - 1}. "
                f"Got {labels.min()} to {labels.max()} instead; check the label scheme."
            )
    values = np.full((len(prediction), classes), np.nan)
    for row, (a, b) in enumerate(zip(prediction, reference, strict=True)):
        joint = np.bincount(a.ravel().astype(np.int64) * classes + b.ravel(), minlength=classes**2)
        joint = joint.reshape(classes, classes)
        either = joint.sum(0) + joint.sum(1)
        np.divide(2 * joint.diagonal(), either, out=values[row], where=either > 0)
    return values


def mean_dice(values: np.ndarray) -> np.ndarray:
    """Mean over the classes of `dice`'s (n, classes), float64 (n,), without background and absent classes.

    NaN for a case without any class.
    """
    tissues = np.asarray(values, dtype=float)[:, 1:]
    held = np.isfinite(tissues)
    mean = np.full(len(tissues), np.nan)
    np.divide(np.where(held, tissues, 0).sum(1), held.sum(1), out=mean, where=held.any(1))
    return mean
