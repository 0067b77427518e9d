"""Smooth random fields on coarse grids in millimetres, and reading them at points."""

from dataclasses import dataclass

import numpy as np
from scipy import fft, ndimage


@dataclass(frozen=True)
class Field:
    """Values (channels, x, y, z) on a grid whose first node lies at `origin` (mm), nodes `spacing` mm apart."""

    values: np.ndarray
    origin: tuple[float, float, float]
    spacing: float

    def at(self, points: np.ndarray) -> np.ndarray:
        """Trilinear values (channels, n) at points (3, n) in mm; beyond the grid, those of its border."""
        nodes = (points - np.asarray(self.origin, np.float32)[:, None]) / np.float32(self.spacing)
        out = np.empty((len(self.values), nodes.shape[1]), np.float32)
        for channel, values in zip(out, self.values, strict=True):
            ndimage.map_coordinates(values, nodes, output=channel, order=1, mode="nearest", prefilter=False)
        return out


def smooth_noise(
    generator: np.random.Generator, channels: int, shape: tuple[int, int, int], spacing: float, length: float
) -> np.ndarray:
    """Gaussian noise of unit variance, smooth over `length` mm (its correlation falls to 1/e at twice that)."""
    return _filtered(generator, channels, shape, spacing, lambda k: np.exp(-0.5 * (2 * np.pi * k * length) ** 2))


def banded_noise(
    generator: np.random.Generator, channels: int, shape: tuple[int, int, int], spacing: float, wavelength: float
) -> np.ndarray:
    """Gaussian noise of unit variance whose waves are near `wavelength` mm: its zeros are evenly spaced sheets."""
    k0 = 1 / wavelength
    return _filtered(generator, channels, shape, spacing, lambda k: np.exp(-0.5 * ((k - k0) / (0.18 * k0)) ** 2))


def _filtered(generator, channels, shape, spacing, transfer):
    # Room to the sides, since the transform is periodic and opposite borders would otherwise be alike.
    padded = tuple(fft.next_fast_len(side + 4, real=True) for side in shape)
    axes = [fft.fftfreq(padded[0], spacing), fft.fftfreq(padded[1], spacing), fft.rfftfreq(padded[2], spacing)]
    gain = transfer(np.sqrt(sum(k * k for k in np.meshgrid(*axes, indexing="ij")))).astype(np.float32)
    noise = generator.standard_normal((channels, *padded), dtype=np.float32)
    spectrum = fft.rfftn(noise, axes=(1, 2, 3)) * gain
    # The expected power, not that of this draw: a draw scaled to unit variance would lose its own mean.
    whole = np.concatenate([gain, gain[..., 1 : (padded[2] + 1) // 2]], axis=2)
    scale = np.sqrt(np.prod(padded) / np.square(whole, dtype=np.float64).sum())
    values = fft.irfftn(spectrum, s=padded, axes=(1, 2, 3)) * np.float32(scale)
    return np.ascontiguousarray(values[:, : shape[0], : shape[1], : shape[2]], dtype=np.float32)
