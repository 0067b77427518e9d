"""The encoder that the U-Net and the SegNet share (Subbanna 2021, section 2.2)."""

from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from remnant.nets.normalisation import group_norm

Norm = Literal["batch", "group", "none"]

# The fast bfloat16 convolutions of a CPU want several input channels; a single one takes them twice as long as four.
MIN_CHANNELS = 4


def norm_layer(norm: Norm, channels: int) -> nn.Module:
    """Batch normalisation over (n, `channels`, x, y, z), that of each scan by itself, or nothing for the paper's bare text."""
    layers = {"batch": nn.BatchNorm3d, "group": group_norm}
    return layers[norm](channels) if norm in layers else nn.Identity()


def max_pool(features: Tensor, *, indices: bool = False) -> Any:
    """2x2x2 max pooling in the precision of `features`, with `indices` also where each maximum stood.

    Autocast would pool in float32, for twice the memory traffic and the same numbers, since a maximum is not rounded.
    """
    with torch.autocast(features.device.type, enabled=False):
        return functional.max_pool3d(features, 2, return_indices=indices)


def first_convolution(convolution: nn.Conv3d, image: Tensor) -> Tensor:
    """`convolution` of an `image` (n, c, x, y, z); under bfloat16 on a CPU few channels get channels of zeros beside them."""
    if image.shape[1] >= MIN_CHANNELS or not (image.device.type == "cpu" and torch.is_autocast_enabled("cpu")):
        return convolution(image)
    beside = (0, 0) * 3 + (0, MIN_CHANNELS - image.shape[1])
    image, weight = functional.pad(image.bfloat16(), beside), functional.pad(convolution.weight.bfloat16(), beside)
    order = torch.channels_last_3d
    return functional.conv3d(
        image.contiguous(memory_format=order),
        weight.contiguous(memory_format=order),
        convolution.bias,
        padding=convolution.padding,
    )


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
        for level, (convolution, norm) in enumerate(zip(self.convolutions, self.norms, strict=True)):
            drawn = convolution(features) if level else first_convolution(convolution, features)
            features = functional.relu_(drawn)
            skips.append(features)
            if indices:
                features, place = max_pool(features, indices=True)
                places.append(place)
            else:
                features = max_pool(features)
            features = norm(features)
        return features, skips, places

    def forward(self, image: Tensor) -> Tensor:
        """The latent alone: all that an attacker with `Latents` access is ever handed.

        Pooling comes before the ReLU, which gives the same numbers since both are monotone, at an eighth of the work.
        """
        features = image
        for level, (convolution, norm) in enumerate(zip(self.convolutions, self.norms, strict=True)):
            drawn = convolution(features) if level else first_convolution(convolution, features)
            features = norm(functional.relu_(max_pool(drawn)))
        return features
