"""The measure: mean norm of the displacement, in millimetres, of each reconstruction against each original.

What is counted is the non-linear part alone, after the affine: Subbanna 2021 takes "the displacement vectors of the
registration", and the affine holds pose and head size, which say how a scan was prepared and match heads of like size
whatever is inside them. Vectors start at the voxels of the original and are averaged over the heads, one region for the
whole gallery: where any original is above 0.
"""

from collections.abc import Callable, Iterator

import numpy as np
import torch

from remnant.base.errors import RemnantError
from remnant.measure.deformation import syn_ants, syn_fast
from remnant.measure.images import Box, Images, as_stacks, union_box

Spacing = float | tuple[float, float, float]

MARGIN = 6  # voxels around the gallery's heads in which `fast` works; outside lies nothing that can be matched
TOGETHER = 4  # pairs that `fast` registers at a time: more do not fit the processor's cache


def displacement_matrix(
    reconstructions: Images,
    gallery: Images,
    spacing_mm: Spacing,
    box: Box | None = None,
    backend: str = "fast",
) -> np.ndarray:
    """Mean norm of the non-linear displacement in mm, float64 (n, m), smaller for more alike.

    Stacks are (n, x, y, z) and (m, x, y, z), background exactly 0, voxels of `spacing_mm` (one number, or one an axis).
    The mean is over the voxels inside `box` where any image of the gallery is above 0. `backend`: `ants` is the paper's
    registration, `fast` ours, of which repeated calls give the same bytes. Beside the gallery's heads, which are the
    region, no image but the two of a pair has a part in its number. Raises `RemnantError` for NaN, 2D images, unequal
    grids, an unknown backend, a gallery that is 0 all over the box, and where antspyx is missing.
    """
    left, right, spacing = _checked(reconstructions, gallery, spacing_mm, backend)
    heads = _heads(right, box)
    matrix = np.zeros((len(left), len(right)))
    for i, j, field in BACKENDS[backend](left, right, spacing, list(np.ndindex(*matrix.shape))):
        matrix[i, j] = field[:, heads].norm(dim=0).mean(dtype=torch.float64)
    return matrix


def deformation_matrix(
    reconstructions: Images,
    gallery: Images,
    box: Box | None = None,
    *,
    spacing_mm: Spacing,
    backend: str = "fast",
) -> np.ndarray:
    """`displacement_matrix` with its sign changed, so that higher is more alike, as in `measure.similarity`."""
    return -displacement_matrix(reconstructions, gallery, spacing_mm, box, backend)


def displacement_field(
    reconstruction: Images, original: Images, spacing_mm: Spacing, backend: str = "fast"
) -> np.ndarray:
    """The displacement (3, x, y, z) in mm that `displacement_matrix` averages, for one pair of images (x, y, z).

    A vector starts at a voxel of the original and ends, but for the affine part, where the reconstruction shows the
    same. Raises as `displacement_matrix` does.
    """
    left, right, spacing = _checked(reconstruction[None], original[None], spacing_mm, backend)
    ((_, _, field),) = BACKENDS[backend](left, right, spacing, [(0, 0)])
    return field.numpy()


Pairs = list[tuple[int, int]]
Fields = Iterator[tuple[int, int, torch.Tensor]]


def _by_ants(left: torch.Tensor, right: torch.Tensor, spacing: tuple[float, float, float], pairs: Pairs) -> Fields:
    for i, j in pairs:
        yield i, j, torch.from_numpy(syn_ants.field(right[j].numpy(), left[i].numpy(), spacing))


def _by_fast(left: torch.Tensor, right: torch.Tensor, spacing: tuple[float, float, float], pairs: Pairs) -> Fields:
    whole = right.shape[1:]
    near = union_box(right, margin=MARGIN)
    left, right = left[(slice(None), *near)], right[(slice(None), *near)]
    moving, fixed = syn_fast.pyramid(left), syn_fast.pyramid(right)
    for start in range(0, len(pairs), TOGETHER):
        some = pairs[start : start + TOGETHER]
        rows, columns = ([pair[side] for pair in some] for side in (0, 1))
        found = syn_fast.fields(
            [level[columns] for level in fixed], [level[rows] for level in moving], spacing, left.shape[1:]
        )
        for (i, j), inner in zip(some, found, strict=True):
            field = torch.zeros(3, *whole)
            field[(slice(None), *near)] = inner
            yield i, j, field


BACKENDS: dict[str, Callable[..., Fields]] = {"fast": _by_fast, "ants": _by_ants}


def _checked(
    reconstructions: Images, gallery: Images, spacing_mm: Spacing, backend: str
) -> tuple[torch.Tensor, torch.Tensor, tuple[float, float, float]]:
    if backend not in BACKENDS:
        raise RemnantError(
            f"The backend of a deformation must be one of {', '.join(BACKENDS)}. Got {backend!r} instead."
        )
    left, right = as_stacks(reconstructions, gallery, None)
    if left.ndim != 4:
        raise RemnantError(f"A deformation needs 3D images. Got images of shape {tuple(left.shape[1:])} instead.")
    spacing = tuple(float(size) for size in np.broadcast_to(spacing_mm, 3))
    if not all(np.isfinite(spacing)) or min(spacing) <= 0:
        raise RemnantError(f"The spacing must be millimetres above 0, one or three. Got {spacing_mm!r} instead.")
    return left.cpu(), right.cpu(), spacing


def _heads(gallery: torch.Tensor, box: Box | None) -> torch.Tensor:
    """Where any image of the gallery is above 0, inside the box: bool (x, y, z)."""
    heads = (gallery > 0).any(0)
    if box is not None:
        inside = torch.zeros_like(heads)
        inside[box] = True
        heads &= inside
    if not heads.any():
        raise RemnantError("No image of the gallery has a voxel above 0 inside the box; check the images and the box.")
    return heads
