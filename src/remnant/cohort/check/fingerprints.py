"""File fingerprints: what a file says of its patient without a look at the anatomy.

Each is a function from an array and what its header says to a vector of numbers, float64, of one length for all scans.
"""

from collections.abc import Callable

import numpy as np

from remnant.cohort.check.subject import Scan

QUANTILES = (5, 25, 50, 75, 95)
# A step whose multiples the values are not, to this part of the step, is none.
OFF_STEP = 0.02
MOST_LEVELS = 200_000


def shape(scan: Scan) -> np.ndarray:
    """Voxels along each axis."""
    return np.array(scan.array.shape, float)


def origin(scan: Scan) -> np.ndarray:
    """Where the header puts the first voxel, in mm."""
    return scan.affine[:3, 3].copy()


def spacing(scan: Scan) -> np.ndarray:
    """The header's axes with their voxel sizes, in mm."""
    return scan.affine[:3, :3].ravel()


def codes(scan: Scan) -> np.ndarray:
    """Data type, slope and intercept, codes of the two transforms, units, offset, byte order."""
    return np.array(scan.codes, float)


def step(scan: Scan) -> np.ndarray:
    """Log of the step that all levels are multiples of, 0 where there is none, and whether there is one."""
    found = level_step(scan.array)
    return np.array([np.log(found), 1.0]) if found else np.zeros(2)


def border(scan: Scan) -> np.ndarray:
    """Constant planes at both ends of each axis."""
    array, counts = scan.array, []
    for axis in range(array.ndim):
        lines = np.moveaxis(array, axis, 0).reshape(array.shape[axis], -1)
        telling = np.flatnonzero((lines != array.flat[0]).any(axis=1))
        counts += [telling[0], array.shape[axis] - 1 - telling[-1]] if len(telling) else [0, 0]
    return np.array(counts, float)


def levels(scan: Scan) -> np.ndarray:
    """Log of the grey levels' quantiles outside the background."""
    inside = scan.array[scan.array != scan.array.flat[0]]
    return np.arcsinh(np.percentile(inside if inside.size else scan.array, QUANTILES).astype(float))


FINGERPRINTS: dict[str, Callable[[Scan], np.ndarray]] = {
    "array shape": shape,
    "header origin": origin,
    "spacing and axes": spacing,
    "type and codes": codes,
    "intensity step": step,
    "border": border,
    "grey-level quantiles": levels,
}
# Of those two scans of one machine seldom agree by nature: that they are unique says nothing.
BY_NATURE = {"grey-level quantiles", "border"}


def level_step(array: np.ndarray) -> float | None:
    """The largest number that the differences of an image's levels are whole multiples of; None where there is none.

    float32 keeps seven digits of a level, so that the step comes out to about that precision: the smallest difference, refined
    from the low levels, whose multiple is certain, to the high ones.
    """
    values = np.unique(array).astype(np.float64)
    if not 3 <= len(values) <= MOST_LEVELS:
        return None
    values = values - values[0]
    rounding = np.abs(array).max() * np.finfo(np.float32).eps
    gaps = np.diff(values)
    small = gaps[gaps <= 1.5 * gaps.min()]
    found = float(small.mean())
    if found < 8 * rounding:
        return None
    for _ in range(40):
        # As far as the error of the step so far leaves no doubt of the multiple.
        multiples = np.round(values / found)
        doubt = (rounding / max(found, 1e-300)) * multiples
        certain = (doubt < 0.2) & (multiples > 0)
        if not certain.any():
            return None
        fitted = float(multiples[certain] @ values[certain] / (multiples[certain] @ multiples[certain]))
        if abs(fitted - found) <= 1e-12 * found:
            break
        found = fitted
    multiples = np.round(values / found)
    off = np.abs(values - multiples * found)
    return found if (off <= OFF_STEP * found + rounding).all() else None
