"""What the header of a volume says of its voxels, checked for what no scan can have."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np

from remnant.base.errors import RemnantError

# Below, a header is most likely in metres, which nibabel takes for millimetres.
SMALLEST_SPACING_MM, LARGEST_SPACING_MM = 0.02, 10.0
# Of the box that three directions span, where a cube has 1: a gantry's tilt leaves more than half.
LEAST_SPANNED = 0.01
# Four times a whole body by computed tomography; a small file that unpacks to more is no scan.
MOST_VOXELS = 2**30


@dataclass(frozen=True)
class Header:
    """Shape (3,), affine (4, 4) and voxel size (3,) in millimetres of a volume, without its voxels."""

    shape: tuple[int, int, int]
    affine: np.ndarray
    spacing: tuple[float, float, float]


def checked(
    path: Path, shape: Sequence[int], affine: np.ndarray, spacing: tuple[float, float, float] | None = None
) -> Header:
    """What a header says, once it can be that of a 3D scan; `spacing`, in mm, is what it says beside the affine (4, 4).

    Raises `RemnantError` where `shape` is not that of one 3D volume of at most `MOST_VOXELS`, for voxel sizes that none has, and
    for axes in one plane.
    """
    shape = tuple(int(side) for side in shape)
    # Some exporters write one volume as (x, y, z, 1).
    while len(shape) > 3 and shape[-1] == 1:
        shape = shape[:-1]
    if len(shape) != 3 or min(shape) < 2:
        sides = " x ".join(str(side) for side in shape)
        raise RemnantError(f"{path} must hold one 3D volume. Got {len(shape)}D ({sides}) instead; export one volume.")
    if math.prod(shape) > MOST_VOXELS:
        raise RemnantError(
            f"The header of {path} claims {math.prod(shape):,} voxels, which no scan has (at most {MOST_VOXELS:,}); export it "
            "again or leave out this scan."
        )
    of_affine = tuple(float(size) for size in nib.affines.voxel_sizes(affine))
    for sizes in (spacing or of_affine, of_affine):
        if not (np.isfinite(sizes).all() and min(sizes) >= SMALLEST_SPACING_MM and max(sizes) <= LARGEST_SPACING_MM):
            text = " x ".join(f"{size:g}" for size in sizes)
            raise RemnantError(
                f"The header of {path} gives a voxel size of {text} mm, which no scan has ({SMALLEST_SPACING_MM:g} "
                f"to {LARGEST_SPACING_MM:g}); mend the header, in millimetres, or leave out this scan."
            )
    if not (np.isfinite(affine).all() and abs(np.linalg.det(affine[:3, :3] / of_affine)) > LEAST_SPANNED):
        raise RemnantError(
            f"The header of {path} does not say where its voxels lie: its axes span no volume, or its origin is no number; mend "
            "the header or leave out this scan."
        )
    return Header(shape, affine, of_affine)
