"""3D U-Net and SegNet as Subbanna 2021 describes them: four levels, 16 to 128 filters, one deconvolution a level."""

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from remnant.nets.encoder import Encoder, Norm, norm_layer
from remnant.nets.strided import deconvolve, double

Unpool = Literal["none", "indices"]


class SegmenterDecoder(nn.Module):
    """From the latent back to class logits (n, classes, x, y, z); with `skips` as in the U-Net.

    A deconvolution of concatenated channels is a sum of deconvolutions, so that the skipped features, which have their
    full size already, go through a plain 3x3x3 convolution and are added.
    """

    def __init__(self, classes: int, widths: tuple[int, ...], norm: Norm, *, skips: bool, unpool: Unpool) -> None:
        super().__init__()
        inputs, outputs = widths[::-1], (*widths[-2::-1], classes)
        step = double if unpool == "none" else lambda below, above: nn.Conv3d(below, above, 3, padding=1)
        self.ups = nn.ModuleList(step(below, above) for below, above in zip(inputs, outputs, strict=True))
        self.skips = nn.ModuleList(
            nn.Conv3d(below, above, 3, padding=1, bias=False)
            for below, above in zip(inputs, outputs, strict=True)
            if skips
        )
        self.norms = nn.ModuleList(norm_layer(norm, width) for width in outputs[:-1])

    def forward(self, latent: Tensor, skips: list[Tensor], indices: list[Tensor]) -> Tensor:
        features = latent
        for level, up in enumerate(self.ups):
            if indices:
                features = functional.max_unpool3d(features, indices[-1 - level], 2)
            features = deconvolve(up, features)
            if self.skips:
                features = features + self.skips[level](skips[-1 - level])
            if level < len(self.norms):
                features = functional.relu(self.norms[level](features))
        return features


class Segmenter(nn.Module):
    """Encoder and decoder. `unet` has skip connections; `segnet` has none, and pooling indices only if asked."""

    def __init__(
        self,
        architecture: Literal["unet", "segnet"],
        classes: int,
        widths: tuple[int, ...] = (16, 32, 64, 128),
        norm: Norm = "batch",
        unpool: Unpool = "none",
    ) -> None:
        super().__init__()
        self.unpool = unpool
        self.encoder = Encoder(widths, norm)
        self.decoder = SegmenterDecoder(classes, widths, norm, skips=architecture == "unet", unpool=unpool)

    def forward(self, image: Tensor) -> Tensor:
        """(n, 1, x, y, z) in [0, 1] to logits (n, classes, x, y, z)."""
        return self.decoder(*self.encoder.levels(image, indices=self.unpool == "indices"))

    @torch.no_grad()
    def segment(self, image: Tensor) -> Tensor:
        """(n, 1, x, y, z) to the most likely class (n, x, y, z), uint8."""
        return self(image).argmax(1).to(torch.uint8)
