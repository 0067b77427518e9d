"""The 3D U-Net of Privacy-Net (Kim 2019): once as the encoder E that draws a code, once as the segmenter S that reads it."""

from itertools import pairwise

import torch
from torch import Tensor, nn

from remnant.base.errors import RemnantError
from remnant.nets.encoder import first_convolution, max_pool
from remnant.nets.normalisation import group_norm
from remnant.nets.single import VolumeConvolution, VolumeDeconvolution


def _normed(convolution: nn.Conv3d | nn.ConvTranspose3d) -> nn.Sequential:
    return nn.Sequential(convolution, group_norm(convolution.out_channels), nn.ReLU(inplace=True))


def _level(below: int, above: int) -> nn.Sequential:
    convolutions = (VolumeConvolution(given, above, 3, padding=1) for given in (below, above))
    return nn.Sequential(*map(_normed, convolutions))


class UNet(nn.Module):
    """Per level two 3x3x3 convolutions of `widths[i]` filters, 2x2x2 max pooling between levels, and the way back up.

    Up goes a transposed 3x3x3 convolution of stride 2 that keeps its channels; what the level had on the way down is
    concatenated. With `squash` the `outputs` maps are an image in (0, 1). The authors' code has widths of 16 to 128 for E
    (2.0 M parameters) and of 32 to 256 for S (8.2 M); the paper gives none.

    Statistics are the patch's own, so that a voxel's code depends a little on the window it is encoded in: use the window
    that the network was trained with. Raises `RemnantError` for sizes below 1.
    """

    def __init__(
        self, outputs: int, widths: tuple[int, ...] = (16, 32, 64, 128), squash: bool = False, channels: int = 1
    ) -> None:
        super().__init__()
        if outputs < 1 or channels < 1 or not widths or min(widths) < 1:
            raise RemnantError(
                f"A U-Net needs at least one input, one output and one level, and filters at every level. Got {outputs} outputs "
                f"and widths of {list(widths)} for {channels} inputs instead."
            )
        self.divisor = 2 ** (len(widths) - 1)
        self.downs = nn.ModuleList(_level(below, above) for below, above in pairwise((channels, *widths)))
        self.ups = nn.ModuleList(
            _normed(VolumeDeconvolution(width, width, 3, stride=2, padding=1, output_padding=1))
            for width in widths[:0:-1]
        )
        self.joins = nn.ModuleList(_level(deep + level, level) for deep, level in pairwise(widths[::-1]))
        self.out = nn.Conv3d(widths[0], outputs, 1)
        self.squash = squash

    def forward(self, image: Tensor) -> Tensor:
        """(n, channels, x, y, z) to (n, outputs, x, y, z): unbounded logits, or with `squash` values in (0, 1).

        Raises `RemnantError` unless the sides are multiples of 2 ** (levels - 1).
        """
        sides = image.shape[2:]
        if any(side % self.divisor for side in sides):
            raise RemnantError(
                f"This U-Net takes volumes whose sides are multiples of {self.divisor}. Got "
                f"{' x '.join(map(str, sides))} instead; pad or crop them."
            )
        *skips, features = self._descend(image)
        for up, join, skip in zip(self.ups, self.joins, reversed(skips), strict=True):
            features = join(torch.cat([up(features), skip], dim=1))
        drawn = self.out(features)
        return drawn.sigmoid() if self.squash else drawn

    def _descend(self, image: Tensor) -> list[Tensor]:
        """The features of every level, from fine to coarse."""
        (convolution, norm, relu), second = self.downs[0]
        levels = [second(relu(norm(first_convolution(convolution, image))))]
        for down in self.downs[1:]:
            levels.append(down(max_pool(levels[-1])))
        return levels
