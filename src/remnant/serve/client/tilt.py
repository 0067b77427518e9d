"""Scans whose slices are tilted against the way from one to the next, as a CT's gantry leaves them.

The preparation takes a scan's axes for square to each other, so that a tilted head would look sheared to every network.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from remnant.cohort.files.nifti import write_volume
from remnant.cohort.files.volume import read_header, read_volume
from remnant.cohort.prepare.grid import from_sitk, to_sitk

# Over a head, 0.2 degrees are less than a voxel of any preparation; headers round positions.
LEAST_DEGREES = 0.2


@dataclass(frozen=True)
class Straight:
    """A volume that can be prepared in place of a scan; `back` (4, 4) takes a voxel of the scan to one of it, by index."""

    path: Path
    back: np.ndarray


def tilt_degrees(affine: np.ndarray) -> float:
    """How far the axes of a volume, columns of `affine` (4, 4), are from square to each other at most, in degrees."""
    axes = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    cosines = np.abs(axes.T @ axes - np.eye(3)).max()
    return float(np.degrees(np.arcsin(min(cosines, 1.0))))


def straightened(image: np.ndarray, affine: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A tilted volume, float32 (x, y, z), on square axes that hold all of it, and their affine (4, 4).

    The first axis stays, the second and third are turned until they are square to it; the distance between planes of voxels
    stays. Voxels that lie in no slice get the least value.
    """
    # Gram and Schmidt: the signs of QR are the library's own choice.
    square, upper = np.linalg.qr(affine[:3, :3])
    straight = np.eye(4)
    straight[:3, :3] = square * np.diag(upper)
    corners = np.array([[*index, 1] for index in np.ndindex(2, 2, 2)]) * [*(np.array(image.shape) - 1), 1]
    reached = (np.linalg.inv(straight[:3, :3]) @ (affine @ corners.T)[:3]).T
    first = reached.min(0)
    shape = np.ceil(reached.max(0) - first - 1e-6).astype(int) + 1
    straight[:3, 3] = straight[:3, :3] @ first
    matrix = np.linalg.inv(affine) @ straight
    transform = sitk.AffineTransform(3)
    transform.SetMatrix(matrix[:3, :3].ravel().tolist())
    transform.SetTranslation(matrix[:3, 3].tolist())
    # Voxel indices stand for millimetres on both sides.
    source = to_sitk(image, (1.0,) * 3, (0.0,) * 3)
    frame = ((0.0,) * 3, (1.0,) * 3, np.eye(3).ravel().tolist())
    moved = sitk.Resample(source, shape.tolist(), transform, sitk.sitkLinear, *frame, float(image.min()))
    return from_sitk(moved), straight


@contextmanager
def straight(scan: Path, folder: Path) -> Iterator[Straight | None]:
    """A tilted scan straightened, in `folder` as long as the context lasts; None where the scan is not tilted.

    Raises `RemnantError` as `read_volume` does.
    """
    affine = read_header(scan).affine
    if tilt_degrees(affine) < LEAST_DEGREES:
        yield None
        return
    path = folder / "straight.nii"
    array, square = straightened(read_volume(scan)[0], affine)
    try:
        write_volume(path, array, square)
        yield Straight(path, np.linalg.inv(square) @ affine)
    finally:
        path.unlink(missing_ok=True)
