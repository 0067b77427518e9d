"""New anatomies out of the attacker's own scans: random smooth warps, drawn apart from being applied."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from remnant.base.config import Settings
from remnant.measure.bands import linear_band, windowed_mean


class WarpSettings(Settings):
    """How far a warped scan may be from the scan it was made of.

    `rotation` in degrees and `scaling` as a fraction are largest values, each drawn uniformly; `shift` and `elastic` are
    standard deviations in voxels, the latter of the displacements on a lattice, whose number of points along the shortest
    side is drawn between the two numbers of `lattice`: anatomy varies at several scales. `gamma` and `gain` are the largest
    changes of the exponent's logarithm and of the intensity scale.
    """

    rotation: float = 4.0
    scaling: float = 0.12
    shift: float = 1.0
    elastic: float = 2.5
    lattice: tuple[int, int] = (5, 10)
    gamma: float = 0.15
    gain: float = 0.1


@dataclass(frozen=True)
class Warp:
    """One drawn warp: `matrix` (3, 3), `displacement` (1, 3, lattice) and `shift` (3,) in voxels, `gamma`, `gain`."""

    matrix: Tensor
    displacement: Tensor
    shift: Tensor
    gamma: float
    gain: float


def draw_warp(shape: tuple[int, int, int], settings: WarpSettings, generator: torch.Generator) -> Warp:
    """Draw a warp for images of `shape` (x, y, z)."""

    def uniform(count: int, largest: float) -> Tensor:
        return (torch.rand(count, generator=generator) * 2 - 1) * largest

    angles = uniform(3, math.radians(settings.rotation))
    generators = torch.zeros(3, 3, 3)
    for axis, (row, column) in enumerate(((1, 2), (2, 0), (0, 1))):
        generators[axis, row, column], generators[axis, column, row] = -1.0, 1.0
    rotation = torch.linalg.matrix_exp((angles[:, None, None] * generators).sum(0))
    shortest = min(shape)
    fewest, most = settings.lattice
    # Nothing is drawn where there is nothing to choose.
    points = fewest if fewest == most else int(torch.randint(fewest, most + 1, (1,), generator=generator))
    lattice = tuple(max(2, round(points * side / shortest)) for side in shape)
    gamma, gain = uniform(1, settings.gamma).exp().item(), 1 + uniform(1, settings.gain).item()
    return Warp(
        matrix=rotation @ torch.diag(1 + uniform(3, settings.scaling)),
        displacement=torch.randn(1, 3, *lattice, generator=generator) * settings.elastic,
        shift=torch.randn(3, generator=generator) * settings.shift,
        gamma=gamma,
        gain=gain,
    )


def apply_warp(image: Tensor, warp: Warp) -> Tensor:
    """Warp `image` (1, 1, x, y, z) in [0, 1] about its centre; same shape and range, zero outside the field of view."""
    shape = image.shape[2:]
    half = torch.tensor(shape, dtype=torch.float32) / 2
    # align_corners=False: voxel i of n is centred on (2 i + 1) / n - 1, in halves of the side.
    x, y, z = (((2 * torch.arange(side) + 1) / side - 1) * side / 2 for side in shape)
    # grid_sample wants the last axis first. An axis at a time, and little before the lattice is spread over the volume: a
    # warp is as much of a training step as learning from it.
    matrix, shift = (warp.matrix / half[:, None]).flip(0), (warp.shift / half).flip(0)
    elastic = (warp.displacement / half.view(3, 1, 1, 1)).flip(1)
    # Corners of the lattice on the outermost voxels.
    bands = [linear_band(new, old, (new - 1) / (old - 1)) for new, old in zip(shape, elastic.shape[2:], strict=True)]
    grid = windowed_mean(elastic[0], bands)
    grid += (matrix[:, 1, None, None] * y[:, None] + matrix[:, 2, None, None] * z)[:, None]
    grid += (matrix[:, 0, None] * x + shift[:, None])[:, :, None, None]
    warped = functional.grid_sample(image, grid.movedim(0, -1)[None], align_corners=False)
    return (warped.clamp(0, 1) ** warp.gamma * warp.gain).clamp(0, 1)
