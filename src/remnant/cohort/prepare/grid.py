"""Grids centred on the head, and the one interpolation that takes a scan to them.

A volume here lives in a frame in millimetres, axes RAS+, whose origin is the head's centre of mass; where the
scanner or a file's crop had put the head is gone. SimpleITK calls the frame LPS, which matters to nothing as
long as no SimpleITK image leaves this room.
"""

import math
from dataclasses import dataclass
from typing import Self

import numpy as np
import SimpleITK as sitk

from remnant.cohort.images import Images

# Finer than this the sub-samples of an output voxel add cost and no accuracy.
MOST_SUBSAMPLES = 4


@dataclass(frozen=True)
class Grid:
    """`shape` (x, y, z) voxels of `spacing` mm (isotropic), the grid's middle at the frame's origin."""

    shape: tuple[int, int, int]
    spacing: float

    @property
    def affine(self) -> np.ndarray:
        """(4, 4): voxel index to millimetres."""
        affine = np.diag([self.spacing] * 3 + [1.0])
        affine[:3, 3] = [-(side - 1) / 2 * self.spacing for side in self.shape]
        return affine

    @classmethod
    def of(cls, images: Images) -> Self:
        """What volumes (1, x, y, z) lie on that have one grid."""
        x, y, z = images.images[0].shape[1:]
        return cls((x, y, z), float(images.spacing_mm or 0))

    def finer(self, factor: int) -> "Grid":
        """The grid whose voxels divide each of these into `factor`^3."""
        return Grid(tuple(side * factor for side in self.shape), self.spacing / factor)


def to_sitk(array: np.ndarray, spacing: tuple[float, float, float], origin: tuple[float, float, float]) -> sitk.Image:
    """(x, y, z) array to a SimpleITK image in the centred frame."""
    image = sitk.GetImageFromArray(np.ascontiguousarray(array.transpose(2, 1, 0)))
    image.SetSpacing([float(size) for size in spacing])
    image.SetOrigin([float(start) for start in origin])
    return image


def from_sitk(image: sitk.Image) -> np.ndarray:
    """SimpleITK image to an (x, y, z) array."""
    return np.ascontiguousarray(sitk.GetArrayFromImage(image).transpose(2, 1, 0))


def on_grid(array: np.ndarray, grid: Grid) -> sitk.Image:
    """An (x, y, z) array that lies on `grid` as a SimpleITK image."""
    return to_sitk(array, (grid.spacing,) * 3, tuple(grid.affine[:3, 3]))


def shrink_factors(spacing: np.ndarray, target: float) -> list[int]:
    """How many voxels of `spacing` (3,) mm go into one of about `target` mm, for each axis."""
    return [max(1, math.floor(target / size + 1e-6)) for size in spacing]


def spread(small: sitk.Image, shape: tuple[int, ...], spacing: np.ndarray) -> sitk.Image:
    """A shrunken image back on the grid it was shrunken from, the margin continued."""
    filter_ = sitk.ResampleImageFilter()
    filter_.SetSize(shape)
    filter_.SetOutputSpacing([float(size) for size in spacing])
    filter_.SetInterpolator(sitk.sitkLinear)
    filter_.UseNearestNeighborExtrapolatorOn()
    return filter_.Execute(small)


def resample_image(image: sitk.Image, grid: Grid, transform: sitk.Transform) -> np.ndarray:
    """float32 on `grid`: each voxel the mean of the image over it, by linear interpolation at sub-samples.

    The mean is the anti-alias filter, so that a scan is interpolated once, whatever its spacing. `transform`
    takes points of the grid to points of the image.
    """
    factor = _subsamples(image, grid)
    fine = _resample(image, grid.finer(factor), transform, sitk.sitkLinear)
    return _blocks(fine, factor).mean(axis=(1, 3, 5), dtype=np.float32)


def resample_labels(labels: sitk.Image, grid: Grid, transform: sitk.Transform, classes: int) -> np.ndarray:
    """uint8 on `grid`: the class that fills the largest part of each voxel (of equal ones, the first)."""
    factor = _subsamples(labels, grid)
    fine = _blocks(_resample(labels, grid.finer(factor), transform, sitk.sitkNearestNeighbor), factor)
    # Each class's part is compared at once: all of them together would be the largest array of the program.
    best, most = np.zeros(grid.shape, np.uint8), np.count_nonzero(fine == 0, axis=(1, 3, 5))
    for index in range(1, classes):
        part = np.count_nonzero(fine == index, axis=(1, 3, 5))
        best[part > most] = index
        most = np.maximum(most, part)
    return best


def _subsamples(image: sitk.Image, grid: Grid) -> int:
    # At least two, so that where spacing does not change a label is still chosen by its share of the voxel.
    return min(MOST_SUBSAMPLES, max(2, math.ceil(grid.spacing / min(image.GetSpacing()) - 1e-6)))


def _resample(image: sitk.Image, grid: Grid, transform: sitk.Transform, interpolator: int) -> np.ndarray:
    filter_ = sitk.ResampleImageFilter()
    filter_.SetSize(grid.shape)
    filter_.SetOutputSpacing((grid.spacing,) * 3)
    filter_.SetOutputOrigin(tuple(grid.affine[:3, 3]))
    filter_.SetInterpolator(interpolator)
    filter_.SetTransform(transform)
    return from_sitk(filter_.Execute(image))


def _blocks(fine: np.ndarray, factor: int) -> np.ndarray:
    x, y, z = (side // factor for side in fine.shape)
    return fine.reshape(x, factor, y, factor, z, factor)
