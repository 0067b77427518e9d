"""New anatomies out of somebody's own images, 2D or 3D: random smooth warps, drawn apart from being applied."""

import math
from dataclasses import dataclass
from itertools import combinations

import torch
from torch import Tensor
from torch.nn import functional

from remnant.base.config import Settings
from remnant.measure.bands import linear_band, windowed_mean


class WarpSettings(Settings):
    """How far a warped image may be from the one it was made of.

    `rotation` in degrees and `scaling` as a fraction are largest values, each drawn uniformly; `shift` and `elastic` are
    standard deviations in voxels, the latter of the displacements on a lattice, whose number of points along the shortest
    side is drawn between the two numbers of `lattice`: anatomy varies at several scales. `gamma` and `gain` are the largest
    changes of the exponent's logarithm and of the intensity scale. `side`: voxels are those of an image whose shortest side has
    so many, None for the image's own. `bounded`: images are in [0, 1], with nothing around; others have any greys, only the
    gain changes these, and what comes in from outside repeats the border.
    """

    rotation: float = 4.0
    scaling: float = 0.12
    shift: float = 1.0
    elastic: float = 2.5
    lattice: tuple[int, int] = (5, 10)
    gamma: float = 0.15
    gain: float = 0.1
    side: int | None = None
    bounded: bool = True


@dataclass(frozen=True)
class Warp:
    """One drawn warp: `matrix` (d, d), `displacement` (1, d, *lattice) and `shift` (d,) in voxels, `gamma`, `gain`, `bounded`."""

    matrix: Tensor
    displacement: Tensor
    shift: Tensor
    gamma: float
    gain: float
    bounded: bool = True


def draw_warp(spatial: tuple[int, ...], settings: WarpSettings, generator: torch.Generator) -> Warp:
    """Draw a warp for images with these d = 2 or 3 sides."""
    axes, shortest = len(spatial), min(spatial)

    def uniform(count: int, largest: float) -> Tensor:
        return (torch.rand(count, generator=generator) * 2 - 1) * largest

    # About x, y and z, each from one of the other axes to the next.
    planes = [(1, 2), (2, 0), (0, 1)] if axes == 3 else list(combinations(range(axes), 2))
    angles = uniform(len(planes), math.radians(settings.rotation))
    generators = torch.zeros(len(planes), axes, axes)
    for place, (row, column) in enumerate(planes):
        generators[place, row, column], generators[place, column, row] = -1.0, 1.0
    rotation = torch.linalg.matrix_exp((angles[:, None, None] * generators).sum(0))
    fewest, most = settings.lattice
    # Nothing is drawn where there is nothing to choose.
    points = fewest if fewest == most else int(torch.randint(fewest, most + 1, (1,), generator=generator))
    lattice = tuple(max(2, round(points * side / shortest)) for side in spatial)
    gamma, gain = uniform(1, settings.gamma).exp().item(), 1 + uniform(1, settings.gain).item()
    unit = 1 if settings.side is None else shortest / settings.side
    return Warp(
        matrix=rotation @ torch.diag(1 + uniform(axes, settings.scaling)),
        displacement=torch.randn(1, axes, *lattice, generator=generator) * (settings.elastic * unit),
        shift=torch.randn(axes, generator=generator) * (settings.shift * unit),
        gamma=gamma,
        gain=gain,
        bounded=settings.bounded,
    )


def apply_warp(image: Tensor, warp: Warp) -> Tensor:
    """Warp `image` (1, channels, *spatial) about its centre; same shape, and same range where the warp is bounded."""
    spatial = image.shape[2:]
    axes = len(spatial)
    half = torch.tensor(spatial, dtype=torch.float32) / 2
    # align_corners=False: voxel i of n is centred on (2 i + 1) / n - 1, in halves of the side.
    places = [((2 * torch.arange(side) + 1) / side - 1) * side / 2 for side in spatial]
    # grid_sample wants the last axis first. An axis at a time, and little before the lattice is spread over the volume: a
    # warp is as much of a training step as learning from it.
    matrix, shift = (warp.matrix / half[:, None]).flip(0), (warp.shift / half).flip(0)
    elastic = (warp.displacement / half.view(axes, *[1] * axes)).flip(1)
    # Corners of the lattice on the outermost voxels.
    bands = [linear_band(new, old, (new - 1) / (old - 1)) for new, old in zip(spatial, elastic.shape[2:], strict=True)]
    grid = windowed_mean(elastic[0], bands)
    beside = sum(_along(matrix[:, axis, None] * places[axis], axis - 1, axes - 1) for axis in range(1, axes))
    grid += beside[:, None]
    grid += _along(matrix[:, 0, None] * places[0] + shift[:, None], 0, axes)
    padding = "zeros" if warp.bounded else "border"
    warped = functional.grid_sample(image, grid.movedim(0, -1)[None], padding_mode=padding, align_corners=False)
    if not warp.bounded:
        return warped * warp.gain
    return (warped.clamp(0, 1) ** warp.gamma * warp.gain).clamp(0, 1)


def _along(values: Tensor, axis: int, axes: int) -> Tensor:
    """Values (d, side) as (d, *shape) of so many axes, of which all but one have a length of 1."""
    shape = [1] * axes
    shape[axis] = -1
    return values.reshape(len(values), *shape)
