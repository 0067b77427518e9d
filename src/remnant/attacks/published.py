"""The inversion decoder as published (Subbanna 2021, section 2.3): from a segmenter's latents back to the scans."""

from collections.abc import Iterator
from typing import Literal

import pydantic
import torch
from torch import Tensor
from torch.nn import functional

from remnant.base.config import Settings
from remnant.base.seeds import Seeds
from remnant.engine.device import as_batch
from remnant.engine.loop import EpochReport, FitSettings, fit
from remnant.nets.inversion import MirrorDecoder
from remnant.targets.access import Latents, encode


class PublishedSettings(Settings):
    """The paper's decoder: trained on the stored latents of the attacker's scans by mean squared error.

    The paper does not say how long it trained; it overfits a dozen scans when trained for long.
    """

    widths: tuple[pydantic.PositiveInt, ...] = (16, 32, 64, 128)
    norm: Literal["batch", "none"] = "batch"
    fit: FitSettings = FitSettings(epochs=60, learning_rate=2e-3)


def train_published(
    access: Latents, own: Tensor, settings: PublishedSettings, seeds: Seeds, report: EpochReport
) -> MirrorDecoder:
    """The paper's decoder, trained on the attacker's `own` scans (n, 1, x, y, z) in [0, 1]."""
    latents = encode(access.encoder, own)
    order = seeds.child("order").numpy()
    torch.manual_seed(seeds.child("weights").integer)

    def draw_epoch(epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
        for i in order.permutation(len(own)).tolist():
            yield as_batch(latents[i : i + 1]), as_batch(own[i : i + 1])

    model = MirrorDecoder(settings.widths, settings.norm)
    fit(
        model,
        draw_epoch,
        len(own),
        lambda m, pair: functional.mse_loss(m(pair[0]), pair[1]),
        settings.fit,
        report=report,
    )
    return model
