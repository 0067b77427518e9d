"""Smooth random fields on coarse grids in millimetres, of two or three axes, and reading them at points."""

import functools
from dataclasses import dataclass

import numpy as np
from scipy import fft, ndimage

BAND = 0.15  # relative width of the band of wavelengths around a wavelength


@dataclass(frozen=True)
class Field:
    """Values (channels, x, y, z), or (channels, x, y), on a grid whose first node lies at `origin` (mm), nodes `spacing` mm
    apart.
    """

    values: np.ndarray
    origin: tuple[float, ...]
    spacing: float

    def at(self, points: np.ndarray) -> np.ndarray:
        """Trilinear values (channels, n) at points (axes, n) in mm; beyond the grid, those of its border."""
        nodes = (points - np.asarray(self.origin, np.float32)[:, None]) / np.float32(self.spacing)
        out = np.empty((len(self.values), nodes.shape[1]), np.float32)
        for channel, values in zip(out, self.values, strict=True):
            ndimage.map_coordinates(values, nodes, output=channel, order=1, mode="nearest", prefilter=False)
        return out


def smooth_noise(
    generator: np.random.Generator, channels: int, shape: tuple[int, ...], spacing: float, length: float
) -> np.ndarray:
    """Gaussian noise (channels, *shape) of unit variance, white noise blurred by a Gaussian of `length`
    mm.
    """
    return _filtered(generator, channels, shape, spacing, length, None)


def banded_noise(
    generator: np.random.Generator,
    channels: int,
    shape: tuple[int, int, int],
    spacing: float,
    wavelength: float,
) -> np.ndarray:
    """Gaussian noise of unit variance whose waves are near `wavelength` mm: its zeros are evenly spaced
    sheets.
    """
    return _filtered(generator, channels, shape, spacing, None, wavelength)


def _filtered(generator, channels, shape, spacing, length, wavelength):
    padded, gain = _gain(shape, spacing, length, wavelength)
    noise = generator.standard_normal((channels, *padded), dtype=np.float32)
    axes = tuple(range(1, 1 + len(shape)))
    values = fft.irfftn(fft.rfftn(noise, axes=axes) * gain, s=padded, axes=axes)
    return np.ascontiguousarray(values[(slice(None), *(slice(side) for side in shape))], dtype=np.float32)


@functools.lru_cache(maxsize=16)
def _gain(shape, spacing, length, wavelength):
    """The padded shape, and the filter over its spectrum that leaves white noise of unit variance with unit
    variance.
    """
    # Room to the sides, since the transform is periodic and opposite borders would otherwise be alike.
    padded = tuple(fft.next_fast_len(side + 3, real=True) for side in shape)
    axes = [fft.fftfreq(side, spacing) for side in padded]
    k = np.sqrt(sum(axis * axis for axis in np.meshgrid(*axes, indexing="ij")))
    if wavelength is None:
        gain = np.exp(-0.5 * (2 * np.pi * k * length) ** 2)
    else:
        gain = np.exp(-0.5 * ((k * wavelength - 1) / BAND) ** 2)
    # Scaled by the expected power, not that of a draw: a draw made to have unit variance would lose its own
    # mean.
    gain *= np.sqrt(gain.size / np.square(gain).sum())
    return padded, gain[..., : padded[-1] // 2 + 1].astype(np.float32)
