"""Inversion decoders: from a latent back to the image it was made of."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from remnant.nets.encoder import Norm, norm_layer
from remnant.nets.segmenter import double


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
            features = up(features)
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
