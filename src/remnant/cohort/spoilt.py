"""Scans as a worse scanner would give them (Kim 2019, robustness)."""

from collections.abc import Callable

import numpy as np
from scipy import ndimage

Spoil = Callable[[np.ndarray, np.ndarray, np.random.Generator], np.ndarray]


def rician(image: np.ndarray, labels: np.ndarray, decibels: float, generator: np.random.Generator) -> np.ndarray:
    """The scan (x, y, z) in [0, 1] with Rician noise inside the head, at this ratio of signal to noise; float32 (x, y, z).

    `decibels` = 20 log10(signal / sigma), the signal being the root mean square of the intensities of labelled tissue (the
    paper does not say which). Outside the head, where a stripped scan is exactly 0, it stays so.
    """
    tissue = labels > 0
    signal = float(np.sqrt(np.square(image[tissue if tissue.any() else image > 0], dtype=float).mean()))
    sigma = np.float32(signal / 10 ** (decibels / 20))
    real, imaginary = sigma * generator.standard_normal((2, *image.shape), dtype=np.float32)
    noisy = np.clip(np.hypot(image + real, imaginary), 0, 1)
    return np.where((image > 0) | tissue, noisy, 0).astype(np.float32)


def low_resolution(image: np.ndarray) -> np.ndarray:
    """The scan (x, y, z) at half its resolution: the mean of 2 x 2 x 2 voxels, interpolated linearly back; float32 (x, y, z).

    At the paper's 1 mm these are its voxels of 2 mm; on a coarser grid twice that.
    """
    odd = [(0, side % 2) for side in image.shape]
    x, y, z = (side // 2 for side in np.pad(image, odd).shape)
    halved = np.pad(image, odd, mode="edge").reshape(x, 2, y, 2, z, 2).mean((1, 3, 5))
    # Centres of the large voxels lie between two small ones.
    places = [(np.arange(side) - 0.5) / 2 for side in image.shape]
    drawn = ndimage.map_coordinates(halved, np.meshgrid(*places, indexing="ij"), order=1, mode="nearest")
    return drawn.astype(np.float32)


CONDITIONS: dict[str, Spoil] = {
    **{
        f"noise_{ratio}": lambda image, labels, generator, ratio=ratio: rician(image, labels, ratio, generator)
        for ratio in (15, 10, 5)
    },
    "low_resolution": lambda image, labels, generator: low_resolution(image),
}
