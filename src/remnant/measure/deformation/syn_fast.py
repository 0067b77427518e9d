"""Our own registration: the steps of ANTs at half its resolution, for many pairs at once.

Affine by least squares with gain and offset, then greedy symmetric normalisation (Avants 2008,
doi:10.1016/j.media.2007.06.004) by local cross-correlation. ANTs stretches every update to a full step, so that an image
would wander even against itself; here steps shrink to nothing, and weak pulls are not stretched. All filters are
products with banded matrices, so that a batch of small volumes costs little more than one. Displacements in here are in
voxels of their level, components first.
"""

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from remnant.measure.bands import linear_band, windowed_mean

RADIUS = 4  # voxels of a level, as ANTs'
STEP = 0.2  # voxels of a level that the fastest voxel moves in a level's first iteration, as in ANTs
WEAK = 0.05  # rise of the local correlation a voxel; a weaker pull moves its fastest voxel by less than a step
FLAT = 1e-5  # added to local variances: a contrast of 0.003 is noise
UPDATE_SIGMA = 3**0.5  # voxels; ANTs' `flow_sigma` of 3 is a variance
INVERSE_ITERATIONS = 12
STRETCHED = 2.0  # how many times as long one head may be as another


@dataclass(frozen=True)
class Level:
    """Every `factor`-th voxel of smoothed images, and the iterations there: of the affine, then of the rest.

    ANTs' levels without its finest, which moves nothing by more than 10 x 0.2 voxels and takes most of the time. The
    coarse one is short, as ANTs' often is too, which stops where nothing is gained; chosen on phantoms. What the coarse
    level leaves of the affine takes few iterations: ten at both change no displacement by more than 0.001 mm.
    """

    factor: int
    affine: int
    iterations: int


LEVELS = (Level(4, 10, 20), Level(2, 4, 40))


def pyramid(images: Tensor) -> list[Tensor]:
    """`images` (n, x, y, z) at each of `LEVELS`: smoothed by half the factor, then every factor-th voxel."""
    return [
        windowed_mean(images, [_gaussian_band(size, level.factor / 2, level.factor) for size in images.shape[1:]])
        for level in LEVELS
    ]


def fields(fixed: list[Tensor], moving: list[Tensor], spacing: tuple[float, float, float], shape: torch.Size) -> Tensor:
    """The non-linear displacement float32 (n, 3, *shape) in mm at the voxels of each fixed image.

    `fixed` and `moving` are pyramids of n images each, made of images (n, *shape) with voxels of `spacing` mm.
    """
    _, whole = _registered(fixed, moving, spacing)
    factor = LEVELS[-1].factor
    millimetres = torch.tensor(spacing).view(3, 1, 1, 1) * factor
    return _resized(whole, factor, shape) * millimetres


def drawn_onto(
    fixed: list[Tensor], moving: list[Tensor], spacing: tuple[float, float, float], shape: torch.Size
) -> Tensor:
    """Which place of its moving image each voxel of a fixed one shows, affine part and all: float32 (n, 3, *shape) in voxels.

    Arguments as in `fields`; `sampled` reads the moving images there.
    """
    affine, whole = _registered(fixed, moving, spacing)
    factor = LEVELS[-1].factor
    moved = _through(affine, destinations(whole)) - destinations(torch.zeros_like(whole))
    return destinations(factor * _resized(moved, factor, shape))


def _registered(
    fixed: list[Tensor], moving: list[Tensor], spacing: tuple[float, float, float]
) -> tuple[Tensor, Tensor]:
    """The affine maps (n, 3, 4), and before them the displacements (n, 3, ...), in voxels of the finest level."""
    growths = [1.0, *(coarse.factor / fine.factor for coarse, fine in pairwise(LEVELS))]
    affine = torch.eye(3, 4).repeat(len(fixed[0]), 1, 1)
    for level, level_fixed, level_moving, growth in zip(LEVELS, fixed, moving, growths, strict=True):
        affine = _affine(level_fixed, level_moving, _grown(affine, growth), level.affine)
    half_ways = [torch.zeros(len(affine), 3, *fixed[0].shape[1:]) for _ in range(2)]
    for level, level_fixed, level_moving, growth in zip(LEVELS, fixed, moving, growths, strict=True):
        half_ways = [growth * _resized(half, growth, level_fixed.shape[1:]) for half in half_ways]
        at_level = _grown(affine, LEVELS[-1].factor / level.factor)
        _descend(level_fixed, level_moving, at_level, half_ways, level.iterations, spacing)
    to_fixed, to_moving = half_ways
    back = inverse(to_fixed)
    return affine, back + sampled(to_moving, destinations(back))


def _descend(
    fixed: Tensor,
    moving: Tensor,
    affine: Tensor,
    half_ways: list[Tensor],
    iterations: int,
    spacing: tuple[float, float, float],
) -> None:
    """Move both images towards each other, in place: `half_ways` lead from the middle to either."""
    shape = fixed.shape[1:]
    window = [_box_band(size) for size in shape]
    smooth = [_gaussian_band(size, UPDATE_SIGMA) for size in shape]
    # The slope in mm, as a displacement in voxels.
    metric = 1 / torch.tensor(spacing).square().view(3, 1, 1, 1)
    metric = metric / metric.max()
    for iteration in range(iterations):
        step = STEP * (1 - iteration / iterations)
        left = sampled(fixed[:, None], destinations(half_ways[0]))[:, 0]
        right = sampled(moving[:, None], _through(affine, destinations(half_ways[1])))[:, 0]
        for side, force in enumerate(_forces(left, right, window)):
            image = (left, right)[side]
            update = windowed_mean((force[:, None] * _slope(image)).flatten(0, 1), smooth).view(-1, 3, *shape) * metric
            fastest = update.square().sum(1).flatten(1).amax(1).sqrt().view(-1, 1, 1, 1, 1)
            update = update * (step / fastest.clamp(min=WEAK))
            half_ways[side] = half_ways[side] + update + _along(half_ways[side], update)


def _along(displacement: Tensor, update: Tensor) -> Tensor:
    """What `displacement` (n, 3, x, y, z) gains along a small `update`, to first order: composition without a resampling."""
    return sum(differences(displacement, axis + 2) * update[:, axis : axis + 1] for axis in range(3))


def _forces(left: Tensor, right: Tensor, window: list[Tensor]) -> tuple[Tensor, Tensor]:
    """What multiplies the slope of either image: the derivative of the local cross-correlation (Avants 2008, eq. 7)."""
    stack = torch.cat([left, right, left * left, right * right, left * right])
    mean_l, mean_r, square_l, square_r, product = windowed_mean(stack, window).chunk(5)
    variance_l, variance_r = square_l - mean_l * mean_l + FLAT, square_r - mean_r * mean_r + FLAT
    covariance = product - mean_l * mean_r
    left, right = left - mean_l, right - mean_r
    common = covariance / (variance_l * variance_r)
    return common * (right - covariance / variance_l * left), common * (left - covariance / variance_r * right)


def _grown(affine: Tensor, growth: float) -> Tensor:
    """Affine maps (n, 3, 4) in voxels that are `growth` times smaller."""
    return torch.cat([affine[:, :, :3], growth * affine[:, :, 3:]], 2)


def _affine(fixed: Tensor, moving: Tensor, affine: Tensor, iterations: int) -> Tensor:
    """(n, 3, 4): voxels of the fixed image to voxels of the moving one, by Gauss-Newton from `affine` on.

    Each iteration solves fixed = gain * (moving + slope @ motion) + offset; one that leads to no plausible map changes nothing.
    """
    n, shape = len(fixed), fixed.shape[1:]
    identity = torch.eye(3, 4).expand(n, 3, 4)
    places = destinations(torch.zeros(1, 3, *shape))
    middle = torch.tensor(shape).view(1, 3, 1, 1, 1) / 2
    # Centred and of order one, so that the equations are well conditioned.
    scaled = torch.cat([(places - middle) / middle, torch.ones(1, 1, *shape)], 1)
    for _ in range(iterations):
        seen = sampled(moving[:, None], _through(affine, places.expand(n, -1, -1, -1, -1)))[:, 0]
        motions = (_slope(seen)[:, :, None] * scaled[:, None]).flatten(1, 2).flatten(2)
        columns = torch.cat([motions, seen.flatten(1)[:, None], torch.ones(n, 1, seen[0].numel())], 1).double()
        normal = columns @ columns.mT
        normal = normal + 1e-6 * torch.diag_embed(normal.diagonal(dim1=1, dim2=2) + 1e-9)
        solution = torch.linalg.solve(normal, columns @ fixed.flatten(1).double()[..., None])[..., 0]
        gain = solution[:, 12].clamp(min=0.1)
        motion = (solution[:, :12] / gain[:, None]).view(n, 3, 4).float()
        # Back to voxels: scaled = (x - middle) / middle.
        linear = motion[:, :, :3] / middle.view(1, 1, 3)
        shift = motion[:, :, 3] - linear @ middle.view(3)
        small = identity + torch.cat([linear, shift[..., None]], 2)
        moved = torch.cat(
            [affine[:, :, :3] @ small[:, :, :3], affine[:, :, :3] @ small[:, :, 3:] + affine[:, :, 3:]], 2
        )
        affine = torch.where(_plausible(moved, middle.view(3))[:, None, None], moved, affine)
    return affine


def _plausible(affine: Tensor, middle: Tensor) -> Tensor:
    """Which of the affine maps (n, 3, 4) lead from one head to another, (n,): few or flat voxels lead anywhere.

    They mirror nothing, stretch no direction by more than `STRETCHED` or its inverse, and leave the `middle` (3,) inside.
    """
    known = affine.isfinite().flatten(1).all(1)
    linear, shift = affine.nan_to_num(0, 0, 0).split([3, 1], dim=2)
    lengths = torch.linalg.svdvals(linear)
    alike = (lengths <= STRETCHED).all(1) & (lengths >= 1 / STRETCHED).all(1) & (torch.linalg.det(linear) > 0)
    inside = (linear @ middle + shift[..., 0] - middle).abs() <= middle
    return known & alike & inside.all(1)


def inverse(displacement: Tensor) -> Tensor:
    """The displacement that undoes this one, by fixed-point iteration (Christensen and Johnson 2001)."""
    back = -displacement
    for _ in range(INVERSE_ITERATIONS):
        back = -sampled(displacement, destinations(back))
    return back


def destinations(displacement: Tensor) -> Tensor:
    """Where each voxel of (n, 3, x, y, z) goes, in voxels: its own place plus its displacement."""
    return _places(displacement.shape[2:]) + displacement


@lru_cache(maxsize=8)
def _places(shape: torch.Size) -> Tensor:
    """The places (3, x, y, z) of the voxels of a grid. Read only."""
    axes = torch.meshgrid(*(torch.arange(size, dtype=torch.float32) for size in shape), indexing="ij")
    return torch.stack(axes)


def _through(affine: Tensor, points: Tensor) -> Tensor:
    """Points (n, 3, x, y, z) after the affine maps (n, 3, 4)."""
    flat = torch.baddbmm(affine[:, :, 3:], affine[:, :, :3], points.flatten(2))
    return flat.view(points.shape)


def sampled(images: Tensor, points: Tensor) -> Tensor:
    """`images` (n, c, x, y, z) at `points` (n, 3, x, y, z) in voxels, linear, the border's value outside."""
    # grid_sample wants the last axis first.
    grid = (points * _scale(images.shape[2:]) - 1).flip(1).movedim(1, -1)
    return functional.grid_sample(images, grid, padding_mode="border", align_corners=True)


@lru_cache(maxsize=8)
def _scale(shape: torch.Size) -> Tensor:
    """What makes voxels of a grid run from 0 to 2, (3, 1, 1, 1). Read only."""
    return torch.tensor([2 / max(size - 1, 1) for size in shape]).view(3, 1, 1, 1)


def _slope(images: Tensor) -> Tensor:
    """Central differences (n, 3, x, y, z) of `images` (n, x, y, z)."""
    return torch.stack([differences(images, axis) for axis in (1, 2, 3)], 1)


def differences(values: Tensor, axis: int) -> Tensor:
    """Central differences along an axis, one-sided at its ends: those of `torch.gradient` in half the time."""
    slope = torch.empty_like(values)
    last = values.shape[axis] - 1
    torch.sub(values.narrow(axis, 2, last - 1), values.narrow(axis, 0, last - 1), out=slope.narrow(axis, 1, last - 1))
    slope *= 0.5
    torch.sub(values.select(axis, 1), values.select(axis, 0), out=slope.select(axis, 0))
    torch.sub(values.select(axis, last), values.select(axis, last - 1), out=slope.select(axis, last))
    return slope


def _resized(displacement: Tensor, factor: float, shape: torch.Size) -> Tensor:
    """(n, 3, ...) whose voxels are `factor` apart, linearly interpolated to `shape`."""
    bands = [linear_band(new, old, factor) for new, old in zip(shape, displacement.shape[2:], strict=True)]
    return windowed_mean(displacement.flatten(0, 1), bands).view(*displacement.shape[:2], *shape)


def _gaussian_band(size: int, sigma: float, step: int = 1) -> Tensor:
    """(ceil(size / step), size): a Gaussian around every `step`-th voxel, its weights inside the grid summing to 1."""
    offsets = torch.arange(0, size, step)[:, None] - torch.arange(size)
    weights = torch.exp(-0.5 * (offsets / sigma) ** 2) * (offsets.abs() <= np.ceil(3 * sigma))
    return weights / weights.sum(1, keepdim=True)


def _box_band(size: int) -> Tensor:
    """(size, size): the mean over `RADIUS` voxels to either side, inside the grid."""
    offsets = torch.arange(size)[:, None] - torch.arange(size)
    weights = (offsets.abs() <= RADIUS).float()
    return weights / weights.sum(1, keepdim=True)
