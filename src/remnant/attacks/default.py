"""The stronger inversion decoder: every step warps one of the attacker's scans anew and encodes it again."""

from collections.abc import Callable, Iterator

import pydantic
import torch
from torch import Tensor, nn
from torch.nn import functional

from remnant.base.config import Settings
from remnant.base.seeds import Seeds
from remnant.cohort.warp import WarpSettings, apply_warp, draw_warp
from remnant.engine.device import as_batch, fabric
from remnant.engine.loop import EpochReport, FitSettings, fit
from remnant.measure.bands import window_band, windowed_mean
from remnant.measure.ssim import SsimSettings
from remnant.nets.inversion import ImageDecoder
from remnant.targets.access import Latents, encode

SSIM = SsimSettings()
# Planes of the first axis whose windows are compared: a random slab has the mean of the whole, at a part of the cost.
SLAB = 32
Pair = tuple[Tensor, Tensor]
PairLoss = Callable[[Tensor, Tensor, torch.Generator], Tensor]


class WarpedTraining(Settings):
    """Training on scans warped anew.

    After each new pair a decoder learns again from `replays` of the latest `memory` pairs, since drawing a pair costs as
    much as learning from it.
    """

    fit: FitSettings = FitSettings(epochs=100, learning_rate=2e-3)
    replays: int = pydantic.Field(default=1, ge=0)
    memory: int = pydantic.Field(default=600, ge=1)
    warp: WarpSettings = WarpSettings()


class DefaultSettings(WarpedTraining):
    """The stronger decoder: the paper's network on top of the mean image, trained on scans warped anew."""

    widths: tuple[pydantic.PositiveInt, ...] = (16, 32, 64, 128)


def train_default(
    access: Latents, own: Tensor, settings: DefaultSettings, seeds: Seeds, report: EpochReport
) -> ImageDecoder:
    """The stronger decoder, trained on the attacker's `own` scans (n, 1, x, y, z) in [0, 1], warped anew each step."""
    torch.manual_seed(seeds.child("weights").integer)
    model = ImageDecoder(tuple(own.shape[2:]), settings.widths)
    model.mean.copy_(own.mean(0, keepdim=True))
    return train_on_warps(model, access.encoder, own, settings, seeds, report)


def error_and_ssim(drawn: Tensor, truth: Tensor, generator: torch.Generator) -> Tensor:
    """Mean squared error and SSIM of a drawing (n, 1, x, y, z), weighed so that both shape it."""
    return 10 * background_aware_error(drawn, truth) + 0.5 * ssim_loss(drawn, truth, generator)


def train_on_warps(
    model: nn.Module,
    encoder: Callable[[Tensor], Tensor],
    own: Tensor,
    settings: WarpedTraining,
    seeds: Seeds,
    report: EpochReport,
    loss: PairLoss = error_and_ssim,
) -> nn.Module:
    """Train `model` in place to draw `own` scans (n, 1, x, y, z), warped anew each step, from what `encoder` makes of them.

    `loss(drawn, truth, generator)` of two images (1, 1, x, y, z) is a scalar.
    """
    drawing = seeds.child("warps").torch()
    shape = tuple(own.shape[2:])
    memory: list[Pair] = []

    def remember_new_pairs(chosen: Tensor) -> None:
        warps = [draw_warp(shape, settings.warp, drawing) for _ in chosen]
        images = torch.cat([apply_warp(own[i : i + 1], warp) for i, warp in zip(chosen.tolist(), warps, strict=True)])
        # Half precision: hundreds of volumes stay in memory.
        # The encoder as precise as the training: its rounding is far below what a warp changes.
        with fabric().autocast():
            latents = encode(encoder, images)
        memory.extend(zip(latents.split(1), images.half().split(1), strict=True))
        del memory[: -settings.memory]

    def draw_epoch(epoch: int) -> Iterator[Pair]:
        # Two at a time, as the encoder is fastest; one pair a step, since many steps count for more than large ones.
        for chosen in torch.randperm(len(own), generator=drawing).split(2):
            remember_new_pairs(chosen)
            replayed = torch.randint(len(memory), (settings.replays * len(chosen),), generator=drawing).tolist()
            for latent, image in memory[-len(chosen) :] + [memory[i] for i in replayed]:
                yield as_batch(latent), as_batch(image.float())

    steps = len(own) * (1 + settings.replays)
    fit(model, draw_epoch, steps, lambda m, pair: loss(m(pair[0]), pair[1], drawing), settings.fit, report=report)
    return model


def background_aware_error(drawn: Tensor, truth: Tensor) -> Tensor:
    """Mean squared error of (n, 1, x, y, z) that lets the background fall below 0, where it is clamped anyway."""
    return functional.mse_loss(torch.where(truth > 0, drawn, functional.relu(drawn)), truth)


def ssim_loss(drawn: Tensor, truth: Tensor, generator: torch.Generator) -> Tensor:
    """1 minus the mean 3D SSIM (settings of `measure.ssim`) of (n, 1, x, y, z) over a random slab of planes."""
    first = int(torch.randint(max(1, drawn.shape[2] - SLAB + 1), (1,), generator=generator))
    x, y = (images[:, 0, first : first + SLAB].float().clamp(min=0).contiguous() for images in (drawn, truth))
    weights = SSIM.weights.to(x)
    bands = [window_band(weights, size - SSIM.window + 1) for size in x.shape[1:]]
    mean_x, mean_y = windowed_mean(x, bands), windowed_mean(y, bands)
    # Float32 is enough for a gradient; values that are reported come from measure.ssim.
    variance_x = windowed_mean(x * x, bands) - mean_x**2
    variance_y = windowed_mean(y * y, bands) - mean_y**2
    covariance = windowed_mean(x * y, bands) - mean_x * mean_y
    c1, c2 = (0.01 * SSIM.data_range) ** 2, (0.03 * SSIM.data_range) ** 2
    above = (2 * mean_x * mean_y + c1) * (2 * covariance + c2)
    below = (mean_x**2 + mean_y**2 + c1) * (variance_x + variance_y + c2)
    return 1 - (above / below).mean()
