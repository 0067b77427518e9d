"""The inversion decoder (Subbanna 2021, section 2.3): from the latents of a segmenter's encoder back to the scans."""

from collections.abc import Callable, Iterator
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from remnant.attacks.losses import background_aware_error, ssim_loss
from remnant.attacks.warp import WarpSettings, apply_warp, draw_warp
from remnant.base.config import Settings
from remnant.base.seeds import Seeds
from remnant.engine.device import as_batch
from remnant.engine.loop import EpochReport, FitSettings, fit
from remnant.nets.inversion import ImageDecoder, MirrorDecoder
from remnant.targets.access import Latents, encode

DecoderName = Literal["published", "default"]
Pair = tuple[Tensor, Tensor]


class PublishedSettings(Settings):
    """The paper's decoder: trained on the stored latents of the attacker's scans by mean squared error.

    The paper does not say how long it trained; it overfits a dozen scans when trained for long.
    """

    widths: tuple[int, ...] = (16, 32, 64, 128)
    norm: Literal["batch", "none"] = "batch"
    fit: FitSettings = FitSettings(epochs=60, learning_rate=2e-3)


class DefaultSettings(Settings):
    """The stronger decoder: every step warps one of the attacker's scans anew and passes it through the encoder again.

    After each new pair it learns again from `replays` of the latest `memory` pairs, since drawing a pair costs as much as
    learning from it.
    """

    widths: tuple[int, ...] = (16, 32, 64, 128)
    fit: FitSettings = FitSettings(epochs=100, learning_rate=2e-3)
    replays: int = 1
    memory: int = 600
    warp: WarpSettings = WarpSettings()


def train_published(
    access: Latents, own: Tensor, settings: PublishedSettings, seeds: Seeds, report: EpochReport
) -> MirrorDecoder:
    """The paper's decoder, trained on the attacker's `own` scans (n, 1, x, y, z) in [0, 1]."""
    latents = encode(access.encoder, own)
    order = seeds.child("order").numpy()
    torch.manual_seed(seeds.child("weights").integer)

    def draw_epoch(epoch: int) -> Iterator[Pair]:
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


def train_default(
    access: Latents, own: Tensor, settings: DefaultSettings, seeds: Seeds, report: EpochReport
) -> ImageDecoder:
    """The stronger decoder, trained on the attacker's `own` scans (n, 1, x, y, z) in [0, 1], warped anew each step."""
    drawing = seeds.child("warps").torch()
    torch.manual_seed(seeds.child("weights").integer)
    shape = tuple(own.shape[2:])
    memory: list[Pair] = []

    def remember_new_pairs(chosen: Tensor) -> None:
        warps = [draw_warp(shape, settings.warp, drawing) for _ in chosen]
        images = torch.cat([apply_warp(own[i : i + 1], warp) for i, warp in zip(chosen.tolist(), warps, strict=True)])
        # Half precision: hundreds of volumes stay in memory.
        memory.extend(zip(encode(access.encoder, images).split(1), images.half().split(1), strict=True))
        del memory[: -settings.memory]

    def draw_epoch(epoch: int) -> Iterator[Pair]:
        # Two at a time, as the encoder is fastest; one pair a step, since many steps count for more than large ones.
        for chosen in torch.randperm(len(own), generator=drawing).split(2):
            remember_new_pairs(chosen)
            replayed = torch.randint(len(memory), (settings.replays * len(chosen),), generator=drawing).tolist()
            for latent, image in memory[-len(chosen) :] + [memory[i] for i in replayed]:
                yield as_batch(latent), as_batch(image.float())

    def loss(model: nn.Module, pair: Pair) -> Tensor:
        drawn = model(pair[0])
        return 10 * background_aware_error(drawn, pair[1]) + 0.5 * ssim_loss(drawn, pair[1], drawing)

    model = ImageDecoder(shape, settings.widths)
    model.mean.copy_(own.mean(0, keepdim=True))
    fit(model, draw_epoch, len(own) * (1 + settings.replays), loss, settings.fit, report=report)
    return model


# The room's list of inversion decoders: a new one is a function and a line here.
DECODERS: dict[str, tuple[type[Settings], Callable[..., nn.Module]]] = {
    "published": (PublishedSettings, train_published),
    "default": (DefaultSettings, train_default),
}


@torch.no_grad()
def reconstruct(decoder: nn.Module, latents: Tensor) -> Tensor:
    """Reconstructions (m, 1, x, y, z), float32, clamped to [0, 1], of `latents` (m, c, x', y', z')."""
    return torch.cat([decoder(as_batch(latents[i : i + 1])).float().clamp(0, 1).cpu() for i in range(len(latents))])
