"""Losses of the inversion decoders."""

import torch
from torch import Tensor
from torch.nn import functional

from remnant.measure.bands import window_band, windowed_mean
from remnant.measure.ssim import SsimSettings

SETTINGS = SsimSettings()
# Planes of the first axis whose windows are compared: a random slab has the mean of the whole, at a part of the cost.
SLAB = 32


def background_aware_error(drawn: Tensor, truth: Tensor) -> Tensor:
    """Mean squared error of (n, 1, x, y, z) that lets the background fall below 0, where it is clamped anyway."""
    return functional.mse_loss(torch.where(truth > 0, drawn, functional.relu(drawn)), truth)


def ssim_loss(drawn: Tensor, truth: Tensor, generator: torch.Generator) -> Tensor:
    """1 minus the mean 3D SSIM (settings of `measure.ssim`) of (n, 1, x, y, z) over a random slab of planes."""
    first = int(torch.randint(max(1, drawn.shape[2] - SLAB + 1), (1,), generator=generator))
    x, y = (images[:, 0, first : first + SLAB].float().clamp(min=0).contiguous() for images in (drawn, truth))
    weights = SETTINGS.weights.to(x)
    bands = [window_band(weights, size - SETTINGS.window + 1) for size in x.shape[1:]]
    mean_x, mean_y = windowed_mean(x, bands), windowed_mean(y, bands)
    # Float32 is enough for a gradient; values that are reported come from measure.ssim.
    variance_x = windowed_mean(x * x, bands) - mean_x**2
    variance_y = windowed_mean(y * y, bands) - mean_y**2
    covariance = windowed_mean(x * y, bands) - mean_x * mean_y
    c1, c2 = (0.01 * SETTINGS.data_range) ** 2, (0.03 * SETTINGS.data_range) ** 2
    above = (2 * mean_x * mean_y + c1) * (2 * covariance + c2)
    below = (mean_x**2 + mean_y**2 + c1) * (variance_x + variance_y + c2)
    return 1 - (above / below).mean()
