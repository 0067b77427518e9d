"""Means over a small separable window at every place of many images, as fast as a CPU goes."""

import math
from collections.abc import Iterator
from itertools import pairwise

import torch

from remnant.measure.bands import window_band

BLOCK = 48  # windows along the last axis that one band serves: short bands waste little, long ones multiply faster


class Windows:
    """Windowed means of float32 images (x, n, *axes, z), a tile of each of n images, without gradients.

    `weights` (window,) are those of one axis and sum to 1. A product with a banded matrix beats a convolution, and one of
    matrices that lie in the processor's cache beats any other. What is returned is overwritten by the next call of its shape.
    """

    def __init__(self, weights: torch.Tensor) -> None:
        self.weights = weights
        self.halo = len(weights) - 1
        self._memory: dict[str, torch.Tensor] = {}
        self._bands: dict[tuple[int, int], torch.Tensor] = {}

    def memory(self, name: str, shape: tuple[int, ...]) -> torch.Tensor:
        """A tensor of `shape`, uninitialised, in the same memory whenever it is asked for by this name."""
        size = math.prod(shape)
        if name not in self._memory or self._memory[name].numel() < size:
            self._memory[name] = self.weights.new_empty(size)
        return self._memory[name][:size].view(shape)

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        """(x, n, *axes, z) to the means over windows wholly inside, every axis but n's shorter by window - 1."""
        shape = list(images.shape)
        for axis in (0, *range(2, images.ndim - 1)):
            before = math.prod(shape[:axis])
            source = images.view(before, shape[axis], -1)
            shape[axis] -= self.halo
            images = self.memory(f"axis {axis}", tuple(shape))
            # Only where all three lie whole in memory are the products of a batch one call of the library.
            torch.bmm(self._band(shape[axis], before), source, out=images.view(before, shape[axis], -1))
        source = images.view(-1, shape[-1])
        shape[-1] -= self.halo
        found = self.memory("axis -1", tuple(shape))
        target = found.view(-1, shape[-1])
        for start, rows in parts(shape[-1], BLOCK):
            here, there = slice(start, start + rows + self.halo), slice(start, start + rows)
            torch.mm(source[:, here], self._band(rows, 1)[0].T, out=target[:, there])
        return found

    def _band(self, rows: int, copies: int) -> torch.Tensor:
        key = rows, copies
        if key not in self._bands:
            self._bands[key] = window_band(self.weights, rows).expand(copies, -1, -1).contiguous()
        return self._bands[key]


def parts(size: int, most: int) -> Iterator[tuple[int, int]]:
    """Starts and lengths of as few and as equal parts of `size` as are `most` long at most."""
    count = math.ceil(size / most)
    ends = [size * part // count for part in range(count + 1)]
    return ((start, end - start) for start, end in pairwise(ends))
