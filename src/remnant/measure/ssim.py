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

SLAB_BYTES = 256 * 2**20  # voxels, means and variances of one slab, all images together
PRODUCT_BYTES = 2**21  # products of pairs held at one time: about what a core's cache holds
SLAB = 16  # planes of output at one time: the halo of a window costs little, and the band stays short


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
    spatial axis, so that memory beyond the input does not grow with n * m * voxels. The cross term is
    float64, since a covariance is a small difference of large numbers: in float32 two flat images were wrong
    by 6e-4. Tensors on a GPU stay there.

    Raises `RemnantError` for NaN, values outside the range, unequal grids and images smaller than the window.
    """
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
    halo = settings.window - 1
    inner = [size - halo for size in left.shape[1:]]
    plane, inner_plane = math.prod(left.shape[2:]), math.prod(inner[1:])
    share = SLAB_BYTES // max(len(left) + len(right), 1)  # voxels and means in double, the rest in single
    thickness = max(1, min(SLAB, (share - 8 * halo * plane) // (8 * plane + 16 * inner_plane)))
    together = max(1, PRODUCT_BYTES // (8 * (thickness + halo) * plane))
    total = torch.zeros(len(left), len(right), dtype=torch.float64, device=left.device)
    for start in range(0, inner[0], thickness):
        rows = slice(start, min(start + thickness, inner[0]) + halo)
        total += _slab_sums(left[:, rows], right[:, rows], settings, together)
    return (total / math.prod(inner)).cpu().numpy()


def _slab_sums(left: torch.Tensor, right: torch.Tensor, settings: SsimSettings, together: int) -> torch.Tensor:
    """Sums of SSIM over one slab's windows, float64 (n, m), `together` gallery images at a time."""
    left, right = left.double(), right.double()
    bands = [window_band(size, settings, left.device) for size in left.shape[1:]]
    stable_mean = (0.01 * settings.data_range) ** 2
    stable_variance = (0.03 * settings.data_range) ** 2
    left_mean, left_square, left_variance = _own_statistics(left, bands)
    right_mean, right_square, right_variance = _own_statistics(right, bands)
    left_square += stable_mean
    left_variance += stable_variance
    sums = torch.empty(len(left), len(right), dtype=torch.float64, device=left.device)
    for i in range(len(left)):
        for start in range(0, len(right), together):
            block = slice(start, start + together)
            means = left_mean[i] * right_mean[block]
            covariance = windowed_mean(left[i] * right[block], bands).sub_(means).float()
            above = means.float().mul_(2).add_(stable_mean).mul_(covariance.mul_(2).add_(stable_variance))
            below = (left_square[i] + right_square[block]).mul_(left_variance[i] + right_variance[block])
            sums[i, block] = above.div_(below).flatten(1).sum(1, dtype=torch.float64)
    return sums


def _own_statistics(images: torch.Tensor, bands: list[torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Windowed mean (float64), its square and the variance (float32) of each image.

    One image at a time: the squares of all would double the input.
    """
    shape = (len(images), *(band.shape[0] for band in bands))
    mean = torch.empty(shape, dtype=torch.float64, device=images.device)
    square, variance = (torch.empty(shape, dtype=torch.float32, device=images.device) for _ in range(2))
    for i in range(len(images)):
        mean[i] = windowed_mean(images[i : i + 1], bands)[0]
        squared = mean[i].square()
        square[i] = squared
        variance[i] = windowed_mean(images[i : i + 1].square(), bands)[0] - squared
    return mean, square, variance


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


def windowed_mean(images: torch.Tensor, bands: list[torch.Tensor]) -> torch.Tensor:
    """Windowed means of (n, *spatial) under a band an axis; matrix products beat a convolution at these sizes."""
    shape = list(images.shape)
    for axis, band in enumerate(bands, start=1):
        before, after = math.prod(shape[:axis]), math.prod(shape[axis + 1 :])
        if after == 1:
            images = images.reshape(before, shape[axis]) @ band.T
        else:
            images = torch.matmul(band, images.reshape(before, shape[axis], after))
        shape[axis] = band.shape[0]
    return images.reshape(shape)
