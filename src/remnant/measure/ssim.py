"""Structural similarity of every reconstruction with every gallery image.

Wang et al. 2004, "Image quality assessment: from error visibility to structural similarity", equation 13,
with the Gaussian window of its section III-C, extended to three dimensions by a separable window.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import torch

from remnant.base.errors import RemnantError
from remnant.measure.images import Box, Images, as_stacks
from remnant.measure.windows import Windows, parts

TILE_BYTES = 256 * 2**20  # voxels and statistics of one tile, all images together
TILE = (16, 48)  # windows along the first axis and the second of three: the halo costs little, and a tile fits a cache
TOGETHER = 220_000  # windows of one image with several of the gallery, at one time


@dataclass(frozen=True)
class SsimSettings:
    """The settings without which an SSIM value means nothing. `window` is odd, in voxels, as is `sigma`."""

    window: int = 11
    sigma: float = 1.5
    data_range: float = 1.0

    def __post_init__(self) -> None:
        if self.window < 3 or self.window % 2 == 0:
            raise RemnantError(f"The SSIM window must be odd and at least 3 voxels. Got {self.window} instead.")
        if not (self.sigma > 0 and self.data_range > 0):
            raise RemnantError(f"SSIM's sigma and data range must be above 0. Got {self} instead.")

    @property
    def weights(self) -> torch.Tensor:
        """The window along one axis, float64 (window,), of sum 1."""
        offsets = torch.arange(self.window, dtype=torch.float64) - self.window // 2
        weights = torch.exp(-0.5 * (offsets / self.sigma) ** 2)
        return weights / weights.sum()

    @property
    def stable_mean(self) -> float:
        """C1 of Wang 2004."""
        return (0.01 * self.data_range) ** 2

    @property
    def stable_variance(self) -> float:
        """C2 of Wang 2004."""
        return (0.03 * self.data_range) ** 2


def ssim_matrix(
    reconstructions: Images,
    gallery: Images,
    settings: SsimSettings = SsimSettings(),
    box: Box | None = None,
) -> np.ndarray:
    """Mean SSIM, float64 (n, m), of reconstructions (n, *spatial) with a gallery (m, *spatial).

    Both lie in [0, data_range].

    Covariances are those of a population (weights sum to 1, no n - 1 correction). The mean runs over the
    windows that lie wholly inside `box` (the whole grid where it is None), so nothing beyond the border is
    made up: an edge of (window - 1) / 2 voxels has no window of its own. scikit-image filters with reflected
    borders and then crops the same edge, so `structural_similarity(gaussian_weights=True, sigma=1.5,
    use_sample_covariance=False, data_range=1)` gives the same value to 1e-5.

    Statistics of an image are computed once; a pair costs its cross term, tile by tile, so that memory beyond the input does
    not grow with n * m * voxels. A covariance is a small difference of large products; each image is therefore centred on its
    own mean in each tile, which no covariance sees and which keeps single precision exact enough: uncentred, flat images were
    wrong by 6e-4. Tensors on a GPU stay there.

    Raises `RemnantError` for NaN, values outside the range, unequal grids and images smaller than the window.
    """
    return mean_similarities(*checked_stacks(reconstructions, gallery, settings, box), settings)


def checked_stacks(
    reconstructions: Images, gallery: Images, settings: SsimSettings, box: Box | None
) -> tuple[torch.Tensor, torch.Tensor]:
    """Both sides by `as_stacks`; raises `RemnantError` for values outside the range and sides below the window."""
    left, right = as_stacks(reconstructions, gallery, box)
    for name, stack in (("reconstructions", left), ("gallery", right)):
        for index, image in enumerate(stack):
            low, high = (float(bound) for bound in image.aminmax())
            if low < 0 or high > settings.data_range:
                raise RemnantError(
                    f"Image {index} of the {name} must lie in [0, {settings.data_range:g}] for SSIM. "
                    f"Got [{low:.4g}, {high:.4g}] instead; clamp or rescale it."
                )
    if min(left.shape[1:]) < settings.window:
        raise RemnantError(
            f"SSIM needs images of at least {settings.window} voxels on every side, its window. "
            f"Got {tuple(left.shape[1:])} instead; widen the box or use a finer grid."
        )
    return left, right


def mean_similarities(
    left: torch.Tensor,
    right: torch.Tensor,
    settings: SsimSettings,
    *,
    luminance: bool = True,
    wanted: np.ndarray | None = None,
) -> np.ndarray:
    """Mean SSIM, or without `luminance` its product of contrast and structure, of `checked_stacks`: float64 (n, m).

    `wanted`: bool (n, m), of which pairs; NaN of the others. None for all.
    """
    if not (len(left) and len(right)):
        return np.zeros((len(left), len(right)))
    halo = settings.window - 1
    inner = [size - halo for size in left.shape[1:]]
    windows = Windows(settings.weights.to(left.device, torch.float32))
    total = torch.zeros(len(left), len(right), dtype=torch.float64, device=left.device)
    for tile in product(*_tilings(inner, halo, len(left) + len(right))):
        here = (slice(None), *(slice(start, start + size + halo) for start, size in tile))
        together = max(1, TOGETHER // math.prod([*(size for _, size in tile), *inner[len(tile) :]]))
        total += _tile_sums(left[here], right[here], settings, windows, luminance, together, wanted)
    return (total / math.prod(inner)).cpu().numpy()


def _tilings(inner: Sequence[int], halo: int, images: int) -> list[list[tuple[int, int]]]:
    """The parts (start, length) of each axis but the last, of `inner` window centres; thinner on the first for many `images`."""
    second = [list(parts(size, TILE[1])) for size in inner[1:-1]]
    widest = [max(size for _, size in each) for each in second]
    plane = math.prod([*(size + halo for size in widest), inner[-1] + halo])
    inner_plane = math.prod([*widest, inner[-1]])
    share = TILE_BYTES // (4 * images)  # of one image: its voxels and four statistics
    thickness = max(1, min(TILE[0], (share - halo * plane) // (plane + 4 * inner_plane)))
    return [list(parts(inner[0], thickness)), *second]


@dataclass(frozen=True)
class _Statistics:
    """A few images of one tile, (first axis, image, other axes), and what of SSIM is each image's own.

    `centred`: the image less its mean over the tile; `mean`: windowed mean; `centred_mean`: the same of `centred`;
    `square`: mean squared plus half the stabiliser of luminance; `variance`: with half that of contrast.
    """

    centred: torch.Tensor
    mean: torch.Tensor
    centred_mean: torch.Tensor
    square: torch.Tensor
    variance: torch.Tensor

    def double(self) -> None:
        """Twice the images, in place, but for what a pair adds: the twos of SSIM, once an image and not once a pair."""
        for part in (self.centred, self.mean, self.centred_mean):
            part.mul_(2)

    def image(self, index: int) -> "_Statistics":
        """One of them, with its axis of length 1."""
        return _Statistics(*(part[:, index : index + 1] for part in vars(self).values()))


def _tile_sums(
    left: torch.Tensor,
    right: torch.Tensor,
    settings: SsimSettings,
    windows: Windows,
    luminance: bool,
    together: int,
    wanted: np.ndarray | None,
) -> torch.Tensor:
    """Sums of SSIM over one tile's windows, float64 (n, m); NaN of pairs that are not `wanted`."""
    ones, blocks = (
        [
            _statistics(images, settings, windows, f"{side} {index}")
            for index, images in enumerate(stack.split(together))
        ]
        for side, stack in (("left", left), ("right", right))
    )
    for several in ones:
        several.double()
    sums = torch.full((len(left), len(right)), torch.nan, dtype=torch.float64, device=left.device)
    # A block stays in the cache while every image is held against it.
    for start, block in zip(range(0, len(right), together), blocks, strict=True):
        count = block.centred.shape[1]
        for i in range(len(left)):
            one = ones[i // together].image(i % together)
            asked = range(count) if wanted is None else np.flatnonzero(wanted[i, start : start + count]).tolist()
            if len(asked) == count:
                value = _ssim_map(one, block, settings, windows, luminance)
                sums[i, start : start + count] = value.flatten(2).sum(-1).sum(0, dtype=torch.float64)
                continue
            for j in asked:
                value = _ssim_map(one, block.image(j), settings, windows, luminance)
                sums[i, start + j] = value.flatten(2).sum(-1).sum(0, dtype=torch.float64)[0]
    return sums


def _ssim_map(
    twice: _Statistics, block: _Statistics, settings: SsimSettings, windows: Windows, luminance: bool
) -> torch.Tensor:
    """SSIM of an image, of which `twice` is made, with each of a block, at every window (Wang 2004, equation 13).

    In place, in the same memory for every pair and in as few passes as it goes: fresh pages would take longer than the
    arithmetic, and each pass over the windows counts.
    """
    value = windows(torch.mul(twice.centred, block.centred, out=windows.memory("product", block.centred.shape)))
    term = windows.memory("term", value.shape)
    # The stabiliser after the difference: next to a large product it would be rounded away.
    value.addcmul_(twice.centred_mean, block.centred_mean, value=-1).add_(settings.stable_variance)
    if luminance:
        value.mul_(torch.addcmul(block.mean.new_tensor(settings.stable_mean), twice.mean, block.mean, out=term))
        value.div_(torch.add(twice.square, block.square, out=term))
    return value.div_(torch.add(twice.variance, block.variance, out=term))


def _statistics(images: torch.Tensor, settings: SsimSettings, windows: Windows, name: str) -> _Statistics:
    """`images` (n, *spatial) of one tile, in memory kept under `name`."""
    centre = images.mean(tuple(range(1, images.ndim)), keepdim=True)[:, 0]  # flattening would copy the tile
    shape = (images.shape[1], len(images), *images.shape[2:])
    centred = torch.sub(images.movedim(0, 1), centre, out=windows.memory(f"{name} centred", shape))
    found = windows(centred)
    mean, centred_mean, square, variance = (
        windows.memory(f"{name} {kind}", found.shape) for kind in ("mean", "centred mean", "square", "variance")
    )
    centred_mean.copy_(found)
    torch.add(centred_mean, centre, out=mean)
    # Half of each stabiliser comes with each image of a pair.
    torch.mul(mean, mean, out=square).add_(settings.stable_mean / 2)
    found = windows(torch.mul(centred, centred, out=windows.memory("product", shape)))
    torch.addcmul(found, centred_mean, centred_mean, value=-1, out=variance).add_(settings.stable_variance / 2)
    return _Statistics(centred, mean, centred_mean, square, variance)
