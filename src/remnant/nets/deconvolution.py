"""Deconvolutions that double a grid, and the last of a network, whose few channels a CPU's bfloat16 handles badly."""

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
    """`up` of `features` (n, below, x, y, z); a `double` of few channels goes the faster way under bfloat16 on a CPU.

    The stride is taken out: the eight voxels that a voxel becomes are first computed as channels of it, by a 2x2x2 kernel,
    and then laid out. That is a third of the time, forwards and back, for up to 4 channels; with more it gains nothing.
    """
    under = features.device.type == "cpu" and torch.is_autocast_enabled("cpu")
    if not (under and isinstance(up, nn.ConvTranspose3d) and up.out_channels <= max(PIECES)):
        return up(features)
    channels = next(size for size in PIECES if size >= up.out_channels)
    beside = (0, channels - up.out_channels)
    weight, bias = (
        functional.pad(values.bfloat16(), pad) for values, pad in ((up.weight, (0,) * 6 + beside), (up.bias, beside))
    )
    # Tap 2a + r of an axis is tap a of the channel whose place is r.
    taps = weight.unflatten(4, (2, 2)).unflatten(3, (2, 2)).unflatten(2, (2, 2))
    kernel = taps.permute(0, 3, 5, 7, 1, 2, 4, 6).flatten(1, 4).contiguous(memory_format=ORDER)
    with torch.autocast("cpu", enabled=False):
        return _Unstrided.apply(features.bfloat16().contiguous(memory_format=ORDER), kernel, bias)[:, : up.out_channels]


class _Unstrided(torch.autograd.Function):
    """`features` (n, below, x, y, z), `kernel` (below, 8 * channels, 2, 2, 2), `bias` (channels,): (n, channels, 2x, 2y, 2z)."""

    @staticmethod
    def forward(ctx: Any, features: Tensor, kernel: Tensor, bias: Tensor) -> Tensor:
        ctx.save_for_backward(features, kernel)
        channels = functional.conv_transpose3d(features, kernel, bias.repeat(8)).permute(0, 2, 3, 4, 1)
        return _laid_out(channels)[:, 1:-1, 1:-1, 1:-1].permute(0, 4, 1, 2, 3).contiguous(memory_format=ORDER)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        features, kernel = ctx.saved_tensors
        channels = _gathered(functional.pad(gradient.permute(0, 2, 3, 4, 1), (0, 0, 1, 1, 1, 1, 1, 1)))
        channels = channels.permute(0, 4, 1, 2, 3)
        of_kernel = nn.grad.conv3d_weight(channels, kernel.shape, features)
        return functional.conv3d(channels, kernel), of_kernel, gradient.sum((0, 2, 3, 4))


def _laid_out(channels: Tensor) -> Tensor:
    """(n, x, y, z, 8c) to (n, 2x, 2y, 2z, c): the eight voxels of each, one beside the other."""
    n, x, y, z, eight = channels.shape
    pieces = channels.reshape(n, x, y, z, 2, 2, eight // 4).view(PIECES[eight // 8])[..., 0]
    return (
        pieces.permute(0, 1, 4, 2, 5, 3)
        .contiguous()
        .unsqueeze(-1)
        .view(channels.dtype)
        .view(n, 2 * x, 2 * y, 2 * z, -1)
    )


def _gathered(voxels: Tensor) -> Tensor:
    """(n, 2x, 2y, 2z, c) to (n, x, y, z, 8c): what undoes `_laid_out`."""
    n, x, y, z = voxels.shape[0], *(side // 2 for side in voxels.shape[1:4])
    channels = voxels.shape[4]
    pieces = voxels.reshape(n, x, 2, y, 2, z, 2 * channels).view(PIECES[channels])[..., 0]
    gathered = torch.empty(n, x, y, z, 2, 2, 1, dtype=pieces.dtype)
    # One copy a place: a copy of all at once loops over two elements inside.
    for place in ((i, j) for i in (0, 1) for j in (0, 1)):
        gathered[..., *place, 0] = pieces[:, :, place[0], :, place[1]]
    return gathered.view(voxels.dtype).view(n, x, y, z, 8 * channels)
