"""The encoder that the U-Net and the SegNet share (Subbanna 2021, section 2.2)."""

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

Norm = Literal["batch", "none"]


def norm_layer(norm: Norm, channels: int) -> nn.Module:
    """Batch normalisation over (n, `channels`, x, y, z), or nothing for the bare text of the paper."""
    return nn.BatchNorm3d(channels) if norm == "batch" else nn.Identity()


class Encoder(nn.Module):
    """Per level a 3x3x3 convolution, ReLU and 2x2x2 max pooling; `widths[i]` filters at level i.

    Normalisation follows the pooling, where it costs an eighth; what the skip connections carry is not normalised.

    Input (n, 1, x, y, z) with sides divisible by 2 ** len(widths). Output: the latent
    (n, widths[-1], x / 16, y / 16, z / 16) for four levels, then what the skip connections (before pooling) and the
    pooling indices carry, per level from fine to coarse.
    """

    def __init__(self, widths: tuple[int, ...] = (16, 32, 64, 128), norm: Norm = "batch") -> None:
        super().__init__()
        inputs = (1, *widths[:-1])
        self.convolutions = nn.ModuleList(
            nn.Conv3d(below, width, 3, padding=1) for below, width in zip(inputs, widths, strict=True)
        )
        self.norms = nn.ModuleList(norm_layer(norm, width) for width in widths)

    def levels(self, image: Tensor, *, indices: bool) -> tuple[Tensor, list[Tensor], list[Tensor]]:
        """The latent, the features before each pooling, and with `indices` where each maximum stood."""
        features, skips, places = image, [], []
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            features = functional.relu(convolution(features))
            skips.append(features)
            if indices:
                features, place = functional.max_pool3d(features, 2, return_indices=True)
                places.append(place)
            else:
                features = functional.max_pool3d(features, 2)
            features = norm(features)
        return features, skips, places

    def forward(self, image: Tensor) -> Tensor:
        """The latent alone: all that an attacker with `Latents` access is ever handed.

        Pooling comes before the ReLU, which gives the same numbers since both are monotone, at an eighth of the work.
        """
        features = image
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            features = norm(functional.relu(functional.max_pool3d(convolution(features), 2)))
        return features


def latent_shape(widths: tuple[int, ...], shape: tuple[int, ...]) -> tuple[int, ...]:
    """(channels, x, y, z) of the latent of an image of `shape` (x, y, z)."""
    return (widths[-1], *torch.tensor(shape).div(2 ** len(widths), rounding_mode="floor").tolist())
