"""Inversion decoders: from a latent, or from a code of the image's own size, back to the image it was made of."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from remnant.nets.deviation import Deviation
from remnant.nets.encoder import Norm, norm_layer
from remnant.nets.strided import deconvolve, double
from remnant.nets.unet import UNet


class MirrorDecoder(nn.Module):
    """The mirror of the encoder (Subbanna 2021, section 2.3): one deconvolution a level, one linear output channel.

    (n, widths[-1], x / 16, y / 16, z / 16) to (n, 1, x, y, z), unbounded.
    """

    def __init__(self, widths: tuple[int, ...] = (16, 32, 64, 128), norm: Norm = "batch") -> None:
        super().__init__()
        inputs, outputs = widths[::-1], (*widths[-2::-1], 1)
        self.ups = nn.ModuleList(double(below, above) for below, above in zip(inputs, outputs, strict=True))
        self.norms = nn.ModuleList(norm_layer(norm, width) for width in outputs[:-1])

    def forward(self, latent: Tensor) -> Tensor:
        features = latent
        for level, up in enumerate(self.ups):
            features = deconvolve(up, features)
            if level < len(self.norms):
                features = functional.relu(self.norms[level](features))
        return features


class ImageDecoder(nn.Module):
    """The mirror of the encoder, set upon the attacker's mean image.

    The network draws what sets a patient apart from `mean`, a buffer of shape (1, 1, x, y, z); its last layer starts at
    zero, so that training starts from the best guess an attacker has without any latent. The latent's channels are
    normalised first, since their scales differ by orders of magnitude between targets.
    """

    def __init__(self, shape: tuple[int, int, int], widths: tuple[int, ...] = (16, 32, 64, 128)) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(1, 1, *shape))
        self.norm = nn.BatchNorm3d(widths[-1])
        self.mirror = MirrorDecoder(widths)
        nn.init.zeros_(self.mirror.ups[-1].weight)
        nn.init.zeros_(self.mirror.ups[-1].bias)

    def forward(self, latent: Tensor) -> Tensor:
        """(n, widths[-1], x / 16, y / 16, z / 16) to (n, 1, x, y, z), unbounded."""
        return self.mean + self.mirror(self.norm(latent))


class CodeDecoder(nn.Module):
    """A U-Net, set upon the attacker's mean image, that redraws a scan from a code of the scan's size (Kim 2019).

    As in `ImageDecoder` it draws what sets a patient apart from `mean`, a buffer of shape (1, 1, x, y, z), and starts at zero.
    Beside the code it sees how that deviates from the attacker's own codes (`deviation`, which has to `learn` them), and the
    mean image, which says where in the head a voxel of a scrambled code lies.
    """

    def __init__(
        self, shape: tuple[int, int, int], channels: int = 1, widths: tuple[int, ...] = (16, 32, 64, 128)
    ) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(1, 1, *shape))
        self.deviation = Deviation(channels, shape)
        self.unet = UNet(1, widths, channels=2 * channels + 1)
        nn.init.zeros_(self.unet.out.weight)
        nn.init.zeros_(self.unet.out.bias)

    def forward(self, code: Tensor) -> Tensor:
        """(n, channels, x, y, z), of the sides of the mean, to (n, 1, x, y, z), unbounded."""
        sides = code.shape[2:]
        seen = torch.cat([self.deviation(code), self.mean.expand(len(code), -1, -1, -1, -1)], dim=1)
        gaps = [-side % self.unet.divisor for side in sides]
        padded = functional.pad(seen, [part for gap in reversed(gaps) for part in (0, gap)])
        drawn = self.unet(padded)[..., : sides[0], : sides[1], : sides[2]]
        return self.mean + drawn
