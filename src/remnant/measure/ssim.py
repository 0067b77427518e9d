"""Structural similarity of every reconstruction with every gallery image.

Wang et al. 2004, "Image quality assessment: from error visibility to structural similarity", equation 13,
with the Gaussian window of its section III-C, extended to three dimensions by a separable window.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch

from remnant.base.errors import RemnantError
from remnant.measure.images import Box, Images, as_stacks

SLAB_BYTES = 256 * 2**20  # voxels and statistics of one slab, all images together
SLAB = 16  # planes of output at one time: the halo of a window costs little, and a slab's mean lies near its levels
BLOCK = 16  # windows along an axis that one band serves: short bands waste little, long ones multiply faster
TOGETHER = 8  # gallery images at one time


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

    Statistics of an image are computed once; a pair costs its cross term, slab by slab along the first
    spatial axis, so that memory beyond the input does not grow with n * m * voxels. A covariance is a small
    difference of large products; each image is therefore centred on its own mean in each slab, which no
    covariance sees and which keeps single precision exact enough: uncentred, flat images were wrong by 6e-4.
    Tensors on a GPU stay there.

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
    left: torch.Tensor, right: torch.Tensor, settings: SsimSettings, *, luminance: bool = True
) -> np.ndarray:
    """Mean SSIM, or without `luminance` its product of contrast and structure, of `checked_stacks`: float64 (n, m)."""
    if not (len(left) and len(right)):
        return np.zeros((len(left), len(right)))
    halo = settings.window - 1
    inner = [size - halo for size in left.shape[1:]]
    plane, inner_plane = math.prod(left.shape[2:]), math.prod(inner[1:])
    share = SLAB_BYTES // (4 * (len(left) + len(right)))  # of one image: its voxels and four statistics
    thickness = max(1, min(SLAB, (share - halo * plane) // (plane + 4 * inner_plane)))
    filtered = Filter(settings, left.device)
    total = torch.zeros(len(left), len(right), dtype=torch.float64, device=left.device)
    for start in range(0, inner[0], thickness):
        rows = slice(start, min(start + thickness, inner[0]) + halo)
        total += _slab_sums(left[:, rows], right[:, rows], settings, filtered, luminance)
    return (total / math.prod(inner)).cpu().numpy()


@dataclass(frozen=True)
class _Statistics:
    """A few images of one slab, (axes but the last, image, last axis), and what of SSIM is each image's own.

    `centred`: the image less its mean over the slab; `mean`: windowed mean; `centred_mean`: the same of `centred`;
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
        return _Statistics(*(part[..., index : index + 1, :] for part in vars(self).values()))


def _slab_sums(
    left: torch.Tensor, right: torch.Tensor, settings: SsimSettings, filtered: "Filter", luminance: bool
) -> torch.Tensor:
    """Sums of SSIM over one slab's windows, float64 (n, m)."""
    ones, blocks = (
        [
            _statistics(images, settings, filtered, f"{side} {index}")
            for index, images in enumerate(stack.split(TOGETHER))
        ]
        for side, stack in (("left", left), ("right", right))
    )
    for several in ones:
        several.double()
    sums = torch.empty(len(left), len(right), dtype=torch.float64, device=left.device)
    for i in range(len(left)):
        one = ones[i // TOGETHER].image(i % TOGETHER)
        for start, block in zip(range(0, len(right), TOGETHER), blocks, strict=True):
            value = _ssim_map(one, block, settings, filtered, luminance)
            sums[i, start : start + TOGETHER] = value.sum(-1).flatten(0, -2).sum(0, dtype=torch.float64)
    return sums


def _ssim_map(
    twice: _Statistics, block: _Statistics, settings: SsimSettings, filtered: "Filter", luminance: bool
) -> torch.Tensor:
    """SSIM of an image, of which `twice` is made, with each of a block, at every window (Wang 2004, equation 13).

    In place, in the same memory for every pair and in as few passes as it goes: fresh pages would take longer than the
    arithmetic, and each pass over the windows counts.
    """
    product = torch.mul(twice.centred, block.centred, out=filtered.memory("product", block.centred.shape))
    value = filtered(product)
    term = filtered.memory("term", value.shape)
    # The stabiliser after the difference: next to a large product it would be rounded away.
    value.addcmul_(twice.centred_mean, block.centred_mean, value=-1).add_(settings.stable_variance)
    if luminance:
        value.mul_(torch.addcmul(block.mean.new_tensor(settings.stable_mean), twice.mean, block.mean, out=term))
        value.div_(torch.add(twice.square, block.square, out=term))
    return value.div_(torch.add(twice.variance, block.variance, out=term))


def _statistics(images: torch.Tensor, settings: SsimSettings, filtered: "Filter", name: str) -> _Statistics:
    """`images` (n, *spatial) of one slab, in memory kept under `name`."""
    centre = images.mean(tuple(range(1, images.ndim)))[:, None]  # flattening would copy the slab
    shape = (*images.shape[1:-1], len(images), images.shape[-1])
    centred = torch.sub(images.movedim(0, -2), centre, out=filtered.memory(f"{name} centred", shape))
    found = filtered(centred)
    mean, centred_mean, square, variance = (
        filtered.memory(f"{name} {kind}", found.shape) for kind in ("mean", "centred mean", "square", "variance")
    )
    centred_mean.copy_(found)
    torch.add(centred_mean, centre, out=mean)
    # Half of each stabiliser comes with each image of a pair.
    torch.mul(mean, mean, out=square).add_(settings.stable_mean / 2)
    found = filtered(torch.mul(centred, centred, out=filtered.memory("product", shape)))
    torch.addcmul(found, centred_mean, centred_mean, value=-1, out=variance).add_(settings.stable_variance / 2)
    return _Statistics(centred, mean, centred_mean, square, variance)


class Filter:
    """Windowed means of float32 images (*axes, n, axis), as fast as a CPU goes and without gradients.

    A product with a banded matrix for each `BLOCK` of windows beats a convolution. The n images stand beside the last
    axis, so that the products are large whatever the shape. What is returned is overwritten by the next call of
    its shape.
    """

    def __init__(self, settings: SsimSettings, device: torch.device) -> None:
        self.band = window_band(BLOCK + settings.window - 1, settings, device, torch.float32)
        self.halo = settings.window - 1
        self._memory: dict[str, torch.Tensor] = {}

    def memory(self, name: str, shape: tuple[int, ...]) -> torch.Tensor:
        """A tensor of `shape`, uninitialised, in the same memory whenever it is asked for by this name."""
        size = math.prod(shape)
        if name not in self._memory or self._memory[name].numel() < size:
            self._memory[name] = self.band.new_empty(size)
        return self._memory[name][:size].view(shape)

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        """(*axes, n, axis) to the means over windows wholly inside, every axis but n's shorter by window - 1."""
        last = images.ndim - 1
        for axis in [*range(last - 1), last]:
            shape = list(images.shape)
            size = shape[axis] - self.halo
            shape[axis] = size
            result = self.memory(f"axis {axis}", shape)
            before, after = math.prod(shape[:axis]), math.prod(shape[axis + 1 :])
            source, target = images.view(before, -1, after), result.view(before, size, after)
            for start in range(0, size, BLOCK):
                rows = min(BLOCK, size - start)
                band = self.band[:rows, : rows + self.halo]
                here, there = slice(start, start + rows + self.halo), slice(start, start + rows)
                if axis == last:
                    torch.mm(source[:, here, 0], band.T, out=target[:, there, 0])
                else:
                    torch.bmm(band.expand(before, -1, -1), source[:, here], out=target[:, there])
            images = result
        return images


def window_band(
    size: int, settings: SsimSettings, device: torch.device, dtype: torch.dtype = torch.float64
) -> torch.Tensor:
    """The matrix (size - window + 1, size) that applies the window along an axis of `size` voxels."""
    offsets = torch.arange(settings.window, dtype=torch.float64) - settings.window // 2
    weights = torch.exp(-0.5 * (offsets / settings.sigma) ** 2)
    weights /= weights.sum()
    band = torch.zeros(size - settings.window + 1, size, dtype=torch.float64)
    for row in range(len(band)):
        band[row, row : row + settings.window] = weights
    return band.to(device, dtype)
