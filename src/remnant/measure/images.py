"""What every similarity stands on: stacks of images as tensors, cut to one box."""

import warnings

import numpy as np
import torch

from remnant.base.errors import RemnantError

Images = np.ndarray | torch.Tensor
Box = tuple[slice, ...]


def as_stack(images: Images, name: str, box: Box | None = None) -> torch.Tensor:
    """`images`, shape (n, *spatial) with two or three spatial axes, as a float32 tensor cut to `box`.

    float32 arrays are not copied. Raises `RemnantError` for another shape, an empty box, NaN or infinity.
    """
    if not isinstance(images, torch.Tensor):
        with warnings.catch_warnings():  # a read-only memory map is fine: nothing here writes to its input
            warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
            images = torch.as_tensor(images)
    if images.ndim not in (3, 4):
        raise RemnantError(
            f"The '{name}' must be a stack (n, *spatial) of 2D or 3D images. Got shape {tuple(images.shape)} "
            "instead; drop the channel axis, if that is what is left."
        )
    stack = images.detach()
    if box is not None:
        if len(box) != stack.ndim - 1:
            raise RemnantError(f"The box must have one slice for each of {stack.ndim - 1} axes. Got {box} instead.")
        stack = stack[(slice(None), *box)]
    if 0 in stack.shape[1:]:
        raise RemnantError(f"The '{name}' have no voxels inside the box: shape {tuple(stack.shape)}.")
    stack = stack.to(torch.float32)
    for index, image in enumerate(stack):
        if not all(bound.isfinite() for bound in image.aminmax()):  # half the passes of looking at every voxel
            raise RemnantError(f"Image {index} of the '{name}' has NaN or infinity; check how it was made.")
    return stack


def as_stacks(reconstructions: Images, gallery: Images, box: Box | None) -> tuple[torch.Tensor, torch.Tensor]:
    """Both sides of a similarity matrix by `as_stack`; raises `RemnantError` where their grids differ."""
    left = as_stack(reconstructions, "reconstructions", box)
    right = as_stack(gallery, "gallery", box)
    if left.shape[1:] != right.shape[1:]:
        raise RemnantError(
            "The reconstructions and the gallery must lie on one grid. Got "
            f"{tuple(left.shape[1:])} and {tuple(right.shape[1:])} instead; resample one of them."
        )
    return left, right


def union_box(images: Images, margin: int = 0) -> Box:
    """The smallest box with every voxel above 0 of every image, widened by `margin` voxels inside the grid.

    `images` has shape (n, *spatial): grey levels with a background of exactly 0, or boolean head masks where
    the background is noise. One box serves a whole cohort, since a box for each pair would bias the ranks.
    With SSIM, a margin of half a window (5) lets every voxel of the head be the centre of a window.
    """
    stack = as_stack(images, "images")
    occupied = torch.zeros(stack.shape[1:], dtype=torch.bool)
    for image in stack:
        occupied |= (image > 0).cpu()
    if not occupied.any():
        raise RemnantError("No image has a voxel above 0, so there is no box around them; check the images.")
    box = []
    for axis, size in enumerate(occupied.shape):
        others = tuple(other for other in range(occupied.ndim) if other != axis)
        filled = torch.nonzero(occupied.sum(dim=others)).flatten()
        box.append(slice(max(int(filled[0]) - margin, 0), min(int(filled[-1]) + 1 + margin, size)))
    return tuple(box)
