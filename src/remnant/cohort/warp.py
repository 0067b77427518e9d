"""One smooth random warp of an image, 2D or 3D, of any channels and greys: drawn apart from being applied."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from remnant.base.config import Settings

RESAMPLING = {2: "bicubic", 3: "trilinear"}


class WarpSettings(Settings):
    """How far a warped image may be from the one it was made of.

    `rotation` in degrees and `scaling` as a share are largest values, drawn uniformly; `shift` and `elastic` are standard
    deviations, in pixels of an image of 64 a side, the latter of displacements on a lattice of `points` along the shortest side;
    `gain`: the largest change of the grey scale, as a share.
    """

    rotation: float = 4.0
    scaling: float = 0.12
    shift: float = 1.0
    elastic: float = 1.2
    points: int = 10
    gain: float = 0.1


@dataclass(frozen=True)
class Warp:
    """A drawn warp: `matrix` (d, d) and `shift` (d,) on the axes of the image, `displacement` (1, d, *lattice), both in halves of
    a side, and `gain`."""

    matrix: Tensor
    shift: Tensor
    displacement: Tensor
    gain: float


def draw_warp(spatial: tuple[int, ...], settings: WarpSettings, generator: torch.Generator) -> Warp:
    """Draw a warp for images with these sides."""
    axes = len(spatial)

    def uniform(count: int, largest: float) -> Tensor:
        return (torch.rand(count, generator=generator) * 2 - 1) * largest

    planes = [(i, j) for i in range(axes) for j in range(i + 1, axes)]
    generators = torch.zeros(axes, axes)
    for (i, j), angle in zip(planes, uniform(len(planes), math.radians(settings.rotation)), strict=True):
        generators[i, j], generators[j, i] = -angle, angle
    lattice = [max(2, round(settings.points * side / min(spatial))) for side in spatial]
    unit = 2 / 64
    return Warp(
        torch.linalg.matrix_exp(generators) @ torch.diag(1 + uniform(axes, settings.scaling)),
        torch.randn(axes, generator=generator) * settings.shift * unit,
        torch.randn(1, axes, *lattice, generator=generator) * settings.elastic * unit,
        1 + uniform(1, settings.gain).item(),
    )


def apply_warp(image: Tensor, warp: Warp) -> Tensor:
    """Warp `image` (channels, *spatial) about its centre; what comes in from outside repeats the border."""
    spatial = image.shape[1:]
    places = torch.meshgrid(*((2 * torch.arange(side) + 1) / side - 1 for side in spatial), indexing="ij")
    grid = torch.stack(places, -1) @ warp.matrix.T + warp.shift
    elastic = functional.interpolate(warp.displacement, spatial, mode=RESAMPLING[len(spatial)], align_corners=True)
    # grid_sample wants the last axis first.
    grid = (grid + elastic[0].movedim(0, -1)).flip(-1)
    return functional.grid_sample(image[None], grid[None], padding_mode="border", align_corners=False)[0] * warp.gain
