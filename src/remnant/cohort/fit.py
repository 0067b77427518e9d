"""Whether a label map lies on its image as it should: it explains the intensities better than when flipped or turned.

A tool that wrote the voxels in another order than the header says leaves shape and affine alike. What tells is the correlation
ratio (Roche 1998, doi:10.1007/BFb0056301): the share of the intensities' variance in the head that the labels explain.
"""

import itertools
from collections.abc import Iterator

import numpy as np

from remnant.measure.correlation import otsu_threshold

# Voxels a side that are enough.
SIDE = 48
# Tissues explain 0.74 to 0.77 of real brains and at most 0.32 flipped; a label map that explains less tells nothing.
TELLING, BETTER = 0.4, 0.05
# A label map of the head, and not of a structure in it, has this share of its voxels.
WHOLE, OUTSIDE = 0.5, 0.25


def lies_outside(image: np.ndarray, labels: np.ndarray) -> bool:
    """Whether more than `OUTSIDE` of the labels of a whole head (both (x, y, z)) lie where the image is as dark as air."""
    head, labelled = image > otsu_threshold(image), labels != 0
    return labelled.sum() > WHOLE * head.sum() and bool((~head)[labelled].mean() > OUTSIDE)


def fits_better_turned(image: np.ndarray, labels: np.ndarray) -> bool:
    """Whether the labels explain the image well (`TELLING`) after some flips or exchanges of axes, and by `BETTER` better."""
    steps = [max(1, -(-side // SIDE)) for side in image.shape]
    # Around the middle, so that a flip takes each voxel that is left to another.
    thin = tuple(slice((side - 1) % step // 2, None, step) for side, step in zip(image.shape, steps, strict=True))
    image, (values, classes) = image[thin], np.unique(labels[thin], return_inverse=True)
    classes = classes.reshape(image.shape)
    # Otsu's threshold may part bright tissue from dark, and not the head from air.
    head = (image > otsu_threshold(image)) | (values[classes] != 0)
    inside = image[head].astype(float)
    if inside.size < 2 or not inside.var() > 0:
        return False
    as_it_is, *others = (_explained(inside, turned[head], len(values)) for turned in _turned(classes))
    return max(others) > max(as_it_is + BETTER, TELLING)


def _turned(classes: np.ndarray) -> Iterator[np.ndarray]:
    """As it is, then every order and direction of the axes that keeps the shape."""
    for order in itertools.permutations(range(3)):
        if tuple(classes.shape[axis] for axis in order) != classes.shape:
            continue
        for flipped in itertools.product((False, True), repeat=3):
            yield np.flip(classes.transpose(order), [axis for axis in range(3) if flipped[axis]])


def _explained(values: np.ndarray, classes: np.ndarray, count: int) -> float:
    """The correlation ratio: the variance between classes by that of all, in [0, 1]."""
    sizes = np.bincount(classes, minlength=count)
    sums = np.bincount(classes, values, minlength=count)
    means = sums / np.maximum(sizes, 1)
    return float((sizes * (means - values.mean()) ** 2).sum() / (values.size * values.var()))
