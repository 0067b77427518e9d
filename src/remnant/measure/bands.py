"""Filters of volumes as products with banded matrices, an axis at a time: at these sizes faster than a convolution."""

import math

import torch


def windowed_mean(images: torch.Tensor, bands: list[torch.Tensor]) -> torch.Tensor:
    """`images` (n, *spatial) under `bands`, one an axis: (n, *sizes), a voxel of which is a row's weighted mean of the axis."""
    shape = list(images.shape)
    for axis, band in enumerate(bands, start=1):
        before, after = math.prod(shape[:axis]), math.prod(shape[axis + 1 :])
        if after == 1:
            images = images.reshape(before, shape[axis]) @ band.T
        else:
            images = torch.matmul(band, images.reshape(before, shape[axis], after))
        shape[axis] = band.shape[0]
    return images.reshape(shape)


def window_band(weights: torch.Tensor, rows: int) -> torch.Tensor:
    """(rows, rows + window - 1): the `weights` (window,) at every place of an axis that holds them wholly."""
    band = weights.new_zeros(rows, rows + len(weights) - 1)
    for row in range(rows):
        band[row, row : row + len(weights)] = weights
    return band


def linear_band(size: int, sources: int, factor: float) -> torch.Tensor:
    """(size, sources): voxel i of the fine axis lies at i / factor of the coarse one."""
    places = (torch.arange(size) / factor).clamp(max=sources - 1)
    return (1 - (places[:, None] - torch.arange(sources)).abs()).clamp(min=0)
