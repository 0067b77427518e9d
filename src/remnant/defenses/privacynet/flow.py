"""The flow of a velocity field that is known on a lattice (Arsigny 2006): where each point of a grid is carried.

Points and displacements are in mm from the grid's middle, `half` (3, 1, 1, 1) is half of the grid's sides, and the outermost
nodes of a lattice lie on the grid's faces.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

HALVINGS = 8  # the flow is that of 1 / 2^8 of the field, doubled so many times (scaling and squaring)


def half_sides(shape: Sequence[int], spacing: float) -> Tensor:
    """`half` of a grid of `shape` voxels of `spacing` mm."""
    return torch.tensor(tuple(shape)).view(3, 1, 1, 1) * spacing / 2


def flowed(velocity: Tensor, half: Tensor) -> Tensor:
    """The displacement (3, nodes) after following the velocity (3, nodes) for a unit of time."""
    lines = [
        torch.linspace(-float(side), float(side), count)
        for side, count in zip(half.flatten(), velocity.shape[1:], strict=True)
    ]
    nodes = torch.stack(torch.meshgrid(*lines, indexing="ij"))
    moved = velocity / 2**HALVINGS
    for _ in range(HALVINGS):
        moved = moved + displaced(moved, nodes + moved, half)
    return moved


def displaced(field: Tensor, places: Tensor, half: Tensor) -> Tensor:
    """A field (3, nodes) at `places` (3, x, y, z)."""
    grid = sampling_grid(places, half)
    return functional.grid_sample(field[None], grid, padding_mode="border", align_corners=True)[0]


def sampling_grid(places: Tensor, half: Tensor) -> Tensor:
    """`places` (3, x, y, z) as `grid_sample` wants them, the last axis first."""
    return (places / half).flip(0).movedim(0, -1)[None]
