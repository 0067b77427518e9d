"""Convolutions that halve a grid and deconvolutions that double it, with few channels on its fine side.

A stride and few channels are what the bfloat16 convolutions of a CPU do worst. Both are taken away here: the eight voxels of a
2x2x2 block become channels of one voxel, and the kernel, cut up likewise, has half the taps an axis and no stride.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

ORDER = torch.channels_last_3d
# Two neighbours of so many channels fill a number of this type, and are moved in one piece.
PIECES = {1: torch.float32, 2: torch.float64, 4: torch.complex128}


def double(below: int, above: int) -> nn.ConvTranspose3d:
    """Up-sampling by 2, then a deconvolution: (n, below, x, y, z) to (n, above, 2x, 2y, 2z).

    A 3x3x3 deconvolution of a nearest-neighbour up-sampled grid is a 4x4x4 transposed convolution of stride 2 whose
    taps are tied. This is the untied one: the same reach, never less expressive, and a fifth of the time on a CPU.
    """
    return nn.ConvTranspose3d(below, above, 4, stride=2, padding=1)


def deconvolve(up: nn.Module, features: Tensor) -> Tensor:
    """`up` of `features` (n, below, x, y, z); a `double` to few channels takes a third of the time, forwards and back.

    With more than 4 channels there is nothing to gain.
    """
    if not (isinstance(up, nn.ConvTranspose3d) and _pays(features, up.out_channels)):
        return up(features)
    beside = _beside(up.out_channels)
    weight = functional.pad(up.weight.bfloat16(), (0,) * 6 + beside)
    bias = functional.pad(up.bias.bfloat16(), beside)
    with torch.autocast("cpu", enabled=False):
        return _Deconvolution.apply(features.bfloat16(), _cut(weight), bias)[:, : up.out_channels]


class StridedConvolution(nn.Conv3d):
    """A convolution with a stride, whose gradients are right on a grid of a single place too."""

    def forward(self, image: Tensor) -> Tensor:
        """(n, c, x, y, z) to (n, `out_channels`, ...), as `nn.Conv3d`."""
        if max(image.shape[2:]) == 1 and self.kernel_size == tuple(2 * margin + 1 for margin in self.padding):
            # One place stays one at any stride. With a stride, the bfloat16 convolutions of a CPU leave what they never wrote in
            # the gradient of the taps outside it (torch 2.13), and a training ends in NaN.
            return functional.conv3d(image, self.weight, self.bias, padding=self.padding)
        return super().forward(image)


class HalvingConvolution(StridedConvolution):
    """A convolution of stride 2; of an image of few channels, 7x7x7 taps on one take a seventh of the time."""

    def forward(self, image: Tensor) -> Tensor:
        """(n, c, x, y, z) to (n, `out_channels`, ...), as `nn.Conv3d`."""
        if self.stride != (2, 2, 2) or not _pays(image, self.in_channels):
            return super().forward(image)
        beside = _beside(self.in_channels)
        # To an even number of taps; zeros at the far end of the image, as far as these reach.
        taps = [size + size % 2 for size in self.kernel_size]
        weight = functional.pad(
            self.weight.bfloat16(),
            (*(side for size in reversed(self.kernel_size) for side in (0, size % 2)), *beside),
        )
        margins = []
        for side, size, even, margin in zip(image.shape[2:], self.kernel_size, taps, self.padding, strict=True):
            steps = (side + 2 * margin - size) // 2
            margins.append((margin, 2 * steps + even - side - margin))
        padded = functional.pad(
            image.bfloat16(), (*(width for margin in reversed(margins) for width in margin), *beside)
        )
        with torch.autocast("cpu", enabled=False):
            drawn = _Convolution.apply(padded, _cut(weight))
            return drawn if self.bias is None else drawn + self.bias.bfloat16().view(-1, 1, 1, 1)


class _Convolution(torch.autograd.Function):
    """`image` (n, c, 2x, 2y, 2z), `kernel` (above, 8c, a, a, a): (n, above, x - a + 1, ...)."""

    @staticmethod
    def forward(ctx: Any, image: Tensor, kernel: Tensor) -> Tensor:
        blocks = _gathered(image)
        ctx.save_for_backward(blocks, kernel)
        return functional.conv3d(blocks, kernel)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor]:
        blocks, kernel = ctx.saved_tensors
        gradient = gradient.contiguous(memory_format=ORDER)
        of_image = _laid_out(functional.conv_transpose3d(gradient, kernel)) if ctx.needs_input_grad[0] else None
        return of_image, nn.grad.conv3d_weight(blocks, kernel.shape, gradient)


class _Deconvolution(torch.autograd.Function):
    """`features` (n, below, x, y, z), `kernel` (below, 8c, 2, 2, 2), `bias` (c,): (n, c, 2x, 2y, 2z)."""

    @staticmethod
    def forward(ctx: Any, features: Tensor, kernel: Tensor, bias: Tensor) -> Tensor:
        features = features.contiguous(memory_format=ORDER)
        ctx.save_for_backward(features, kernel)
        drawn = _laid_out(functional.conv_transpose3d(features, kernel, bias.repeat(8)))
        return drawn[:, :, 1:-1, 1:-1, 1:-1].contiguous(memory_format=ORDER)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        features, kernel = ctx.saved_tensors
        blocks = _gathered(functional.pad(gradient, (1,) * 6))
        of_kernel = nn.grad.conv3d_weight(blocks, kernel.shape, features)
        return functional.conv3d(blocks, kernel), of_kernel, gradient.sum((0, 2, 3, 4))


def _pays(values: Tensor, channels: int) -> bool:
    return channels <= max(PIECES) and values.device.type == "cpu" and torch.is_autocast_enabled("cpu")


def _beside(channels: int) -> tuple[int, int]:
    """Channels to be added before and behind so that two voxels are one piece."""
    return 0, next(size for size in PIECES if size >= channels) - channels


def _cut(weight: Tensor) -> Tensor:
    """(n, c, 2a, 2a, 2a) to (n, 8c, a, a, a): tap 2i + r of an axis is tap i of the channel whose place is r."""
    taps = weight.unflatten(4, (-1, 2)).unflatten(3, (-1, 2)).unflatten(2, (-1, 2))
    return taps.permute(0, 3, 5, 7, 1, 2, 4, 6).flatten(1, 4).contiguous(memory_format=ORDER)


def _laid_out(blocks: Tensor) -> Tensor:
    """(n, 8c, x, y, z) to (n, c, 2x, 2y, 2z): the eight voxels of a block, each at its place."""
    channels_last = blocks.permute(0, 2, 3, 4, 1)
    n, x, y, z, eight = channels_last.shape
    pieces = channels_last.reshape(n, x, y, z, 2, 2, eight // 4).view(PIECES[eight // 8])[..., 0]
    voxels = pieces.permute(0, 1, 4, 2, 5, 3).contiguous().unsqueeze(-1).view(blocks.dtype)
    return voxels.view(n, 2 * x, 2 * y, 2 * z, -1).permute(0, 4, 1, 2, 3)


def _gathered(voxels: Tensor) -> Tensor:
    """(n, c, 2x, 2y, 2z) to (n, 8c, x, y, z): what undoes `_laid_out`."""
    channels_last = voxels.permute(0, 2, 3, 4, 1)
    n, x, y, z, channels = channels_last.shape
    x, y, z = x // 2, y // 2, z // 2
    pieces = channels_last.reshape(n, x, 2, y, 2, z, 2 * channels).view(PIECES[channels])[..., 0]
    blocks = torch.empty(n, x, y, z, 2, 2, 1, dtype=pieces.dtype)
    # One copy a place: a copy of all at once would loop over two elements inside.
    for place in ((i, j) for i in (0, 1) for j in (0, 1)):
        blocks[..., *place, 0] = pieces[:, :, place[0], :, place[1]]
    return blocks.view(voxels.dtype).view(n, x, y, z, 8 * channels).permute(0, 4, 1, 2, 3)
