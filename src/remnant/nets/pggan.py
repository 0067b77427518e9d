"""The progressive GAN (Karras et al. 2018) under the names of the public chest PGGAN checkpoint (Segal et al. 2021).

Both networks hold all their layers from the beginning; `current_depth` says how many doublings of 4 pixels are in use, and
`alpha` is the weight of the *old* path while a new doubling is faded in, as that checkpoint has it (the paper's alpha
is 1 minus it).
"""

import math
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

from remnant.base.errors import RemnantError

# Channels at 4, 8, ... 1024 pixels (table 2 of Karras 2018).
CHANNELS = (512, 512, 512, 512, 256, 128, 64, 32, 16)
FIRST_SIDE, LAST_SIDE = 4, 1024
SLOPE = 0.2


def doublings(side: int) -> int:
    """How many doublings of 4 pixels give `side`; raise `RemnantError` unless it is one of 4, 8, 16, ... 1024."""
    if side not in (FIRST_SIDE << depth for depth in range(len(CHANNELS))):
        raise RemnantError(
            f"The side of generated images must be 4 times a power of 2, at most {LAST_SIDE}. Got {side} instead."
        )
    return (side // FIRST_SIDE).bit_length() - 1


class Equalised(nn.Module):
    """A linear or convolutional `module` with weights from N(0, 1) that are scaled when used (section 4.1).

    The scale is He's, sqrt(2 / fan_in), everywhere; it scales the bias too, as in the public checkpoint.
    """

    def __init__(self, module: nn.Linear | nn.Conv2d) -> None:
        super().__init__()
        self.module = module
        nn.init.normal_(module.weight)
        nn.init.zeros_(module.bias)
        self.scale = math.sqrt(2 / module.weight[0].numel())

    def forward(self, features: Tensor) -> Tensor:
        weight, bias = self.module.weight, self.module.bias * self.scale
        # Whichever are fewer: at few pixels a layer has many times as many weights as features come in.
        if features.numel() < weight.numel():
            features = features * self.scale
        else:
            weight = weight * self.scale
        if isinstance(self.module, nn.Linear):
            return functional.linear(features, weight, bias)
        return functional.conv2d(features, weight, bias, padding=self.module.padding)


def _convolution(below: int, above: int, kernel: int, padding: int = 0) -> Equalised:
    return Equalised(nn.Conv2d(below, above, kernel, padding=padding))


class _UnitMeanSquare(torch.autograd.Function):
    """b = a / sqrt(mean over channels of a^2 + eps) of (n, channels, ...), section 4.2; differentiable once.

    Its way back takes a few passes over the features where autograd's takes many.
    """

    @staticmethod
    def forward(context, features: Tensor) -> Tensor:
        factor = (features.square().mean(1, keepdim=True) + 1e-8).rsqrt()
        scaled = features * factor
        context.save_for_backward(scaled, factor)
        return scaled

    @staticmethod
    @once_differentiable
    def backward(context, slope: Tensor) -> Tensor:
        scaled, factor = context.saved_tensors
        return factor * (slope - scaled * (slope * scaled).mean(1, keepdim=True))


class PixelNorm(nn.Module):
    """Each pixel's features (or each latent) divided by the root of their mean square (section 4.2)."""

    def forward(self, features: Tensor) -> Tensor:
        return _UnitMeanSquare.apply(features)


class MinibatchDeviation(nn.Module):
    """One map more: the standard deviation over the batch, averaged over features and pixels (section 3)."""

    def forward(self, features: Tensor) -> Tensor:
        # The root needs a slope where all images are alike, since the gradient penalty differentiates it twice.
        deviation = (features.var(0, unbiased=False) + 1e-8).sqrt().mean()
        return torch.cat([features, deviation.expand(len(features), 1, *features.shape[2:])], dim=1)


class ScaleBlock(nn.Module):
    """Two 3x3 convolutions, each with its activation, behind the name that the public checkpoint gives them."""

    def __init__(self, below: int, between: int, above: int, *, norm: bool) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for inputs, outputs in ((below, between), (between, above)):
            layers += [_convolution(inputs, outputs, 3, 1), nn.LeakyReLU(SLOPE)]
            if norm:
                layers.append(PixelNorm())
        self.convolv = nn.Sequential(*layers)

    def forward(self, features: Tensor) -> Tensor:
        return self.convolv(features)


class Growing(nn.Module):
    """What both networks know of their growth: the buffers of the public checkpoint."""

    def __init__(self, channels: tuple[int, ...], side: int, colours: int) -> None:
        super().__init__()
        depth = doublings(side)
        if len(channels) <= depth or any(width < 1 for width in channels) or colours < 1:
            raise RemnantError(
                f"A progressive GAN of {side} pixels needs {depth + 1} positive numbers of channels and at least one "
                f"colour. Got {list(channels)} and {colours} instead."
            )
        self.widths = tuple(channels[: depth + 1])
        self.side, self.colours = side, colours
        self.register_buffer("current_size", torch.tensor(side))
        self.register_buffer("current_depth", torch.tensor(depth))
        self.register_buffer("alpha", torch.tensor(0.0))

    def grow_to(self, depth: int, alpha: float = 0.0) -> None:
        """Work at 4 * 2**`depth` pixels; `alpha` in [0, 1] is the weight of the path of half that side."""
        self.current_depth.fill_(depth)
        self.current_size.fill_(FIRST_SIDE << depth)
        self.alpha.fill_(alpha)


class Generator(Growing):
    """(n, latent), nominally N(0, 1), to images (n, colours, side, side), nominally in [0, 1] but not clamped.

    `channels[i]` features at 4 * 2**i pixels; those beyond `side` are passed over. `side` is the full one: while the
    network is grown (`grow_to`), images are smaller. Raises `RemnantError` for a side that is not 4 times a power of 2.
    """

    def __init__(
        self, latent: int = 512, channels: tuple[int, ...] = CHANNELS, side: int = LAST_SIDE, colours: int = 1
    ) -> None:
        super().__init__(channels, side, colours)
        self.latent = latent
        widths = self.widths
        self.norm = PixelNorm()
        self.latent_linear = nn.Sequential(Equalised(nn.Linear(latent, widths[0] * FIRST_SIDE**2)), nn.LeakyReLU(SLOPE))
        self.init_conv = nn.Sequential(_convolution(widths[0], widths[0], 3, 1), nn.LeakyReLU(SLOPE), PixelNorm())
        self.ScaleBlocks = nn.ModuleList(
            ScaleBlock(below, above, above, norm=True) for below, above in pairwise(widths)
        )
        self.toRGB = nn.ModuleList(_convolution(width, colours, 1) for width in widths)

    def forward(self, latent: Tensor) -> Tensor:
        """(n, latent) to (n, colours, h, h), where h is `current_size`."""
        depth, alpha = int(self.current_depth), float(self.alpha)
        features = self.latent_linear(self.norm(latent)).unflatten(1, (-1, FIRST_SIDE, FIRST_SIDE))
        features = self.init_conv(features)
        before = features
        for block in self.ScaleBlocks[:depth]:
            before = features
            features = block(functional.interpolate(features, scale_factor=2, mode="nearest"))
        image = self.toRGB[depth](features)
        if alpha > 0 and depth > 0:
            old = functional.interpolate(self.toRGB[depth - 1](before), scale_factor=2, mode="nearest")
            image = alpha * old + (1 - alpha) * image
        return image


class Discriminator(Growing):
    """Images (n, colours, side, side) to scores (n, 1), unbounded, higher for what looks real; see `Generator`."""

    def __init__(self, channels: tuple[int, ...] = CHANNELS, side: int = LAST_SIDE, colours: int = 1) -> None:
        super().__init__(channels, side, colours)
        widths = self.widths
        self.fromRGB = nn.ModuleList(_convolution(colours, width, 1) for width in widths)
        # The finest first, where a network that grows would put them.
        self.ScaleBlocks = nn.ModuleList(
            ScaleBlock(fine, coarse, coarse, norm=False) for coarse, fine in reversed(list(pairwise(widths)))
        )
        self.miniSTD = MinibatchDeviation()
        self.DecisionBlock = nn.Sequential(
            _convolution(widths[0] + 1, widths[0], 3, 1),
            nn.LeakyReLU(SLOPE),
            _convolution(widths[0], widths[0], FIRST_SIDE),
            nn.LeakyReLU(SLOPE),
        )
        self.DecisionLinear = Equalised(nn.Linear(widths[0], 1))

    def forward(self, image: Tensor) -> Tensor:
        """(n, colours, h, h) with h of `current_size` to (n, 1)."""
        depth, alpha = int(self.current_depth), float(self.alpha)
        features = self.fromRGB[depth](image)
        blocks = self.ScaleBlocks[len(self.ScaleBlocks) - depth :]
        for i, block in enumerate(blocks):
            features = functional.avg_pool2d(block(features), 2)
            if i == 0 and alpha > 0:
                old = self.fromRGB[depth - 1](functional.avg_pool2d(image, 2))
                features = alpha * old + (1 - alpha) * features
        return self.DecisionLinear(self.DecisionBlock(self.miniSTD(features)).flatten(1))
