"""Convolutions of a single volume in float32, which PyTorch leaves to its slow kernels on a CPU.

It takes oneDNN's for batches of several and for a single volume whose sides but the last, times its channels, exceed `FEWEST`
(`use_mkldnn` in aten/src/ATen/native/Convolution.cpp, torch 2.10 to 2.13). Its own take two to seven times as long.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

FEWEST = 20_480


class VolumeConvolution(nn.Conv3d):
    """`nn.Conv3d`; a single volume gets channels of zeros beside its own, or a second one where that is less work."""

    def forward(self, features: Tensor) -> Tensor:
        """(n, c, x, y, z) to (n, `out_channels`, ...), as `nn.Conv3d`."""
        missing = _missing(features)
        if missing == 0:
            return super().forward(features)
        if missing > features.shape[1]:
            return super().forward(features.expand(2, -1, -1, -1, -1))[:1]
        weight = functional.pad(self.weight, (*(0, 0) * 3, 0, missing))
        return functional.conv3d(_widened(features, missing), weight, self.bias, self.stride, self.padding)


class VolumeDeconvolution(nn.ConvTranspose3d):
    """`nn.ConvTranspose3d`; a single volume gets channels of zeros beside its own, unless that is more work."""

    def forward(self, features: Tensor) -> Tensor:
        """(n, c, x, y, z) to (n, `out_channels`, ...), as `nn.ConvTranspose3d`."""
        missing = _missing(features)
        if not 0 < missing <= features.shape[1]:
            return super().forward(features)
        weight = functional.pad(self.weight, (*(0, 0) * 4, 0, missing))
        return functional.conv_transpose3d(
            _widened(features, missing), weight, self.bias, self.stride, self.padding, self.output_padding
        )


def _missing(features: Tensor) -> int:
    """How many channels more it takes for oneDNN's convolutions, 0 where they are taken anyway or none of this matters."""
    # A network that is traced goes to another machine.
    if torch.jit.is_tracing() or torch.is_autocast_enabled("cpu"):
        return 0
    n, channels, x, y, _ = features.shape
    if n > 1 or features.device.type != "cpu" or features.dtype != torch.float32:
        return 0
    return max(0, FEWEST // (x * y) + 1 - channels)


def _widened(features: Tensor, missing: int) -> Tensor:
    return functional.pad(features, (*(0, 0) * 3, 0, missing))
