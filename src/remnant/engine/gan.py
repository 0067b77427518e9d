"""Training of a progressive GAN, whose networks grow, so that a killed run goes on where it was."""

import copy
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import pydantic
import torch
from torch import Tensor
from torch.nn import functional

from remnant.base.config import Settings
from remnant.base.errors import RemnantError
from remnant.base.seeds import Seeds
from remnant.engine.device import fabric
from remnant.engine.state import SAVE_EVERY_S, load_state, save_state
from remnant.nets.pggan import Discriminator, Generator

REPORT_EVERY = 20

Beta = Annotated[float, pydantic.Field(ge=0, lt=1)]


class GanSettings(Settings):
    """WGAN-GP as Karras et al. 2018 (appendix A.1) train it.

    `penalty` weighs the gradient penalty, `drift` the squared scores of real images; `average` is the decay of the
    generator's running average, which is what comes out.
    """

    batch: int = pydantic.Field(default=16, ge=1)
    learning_rate: float = pydantic.Field(default=1e-3, gt=0)
    betas: tuple[Beta, Beta] = (0.0, 0.99)
    penalty: float = pydantic.Field(default=10.0, ge=0)
    drift: float = pydantic.Field(default=1e-3, ge=0)
    average: float = pydantic.Field(default=0.999, ge=0, le=1)


@dataclass(frozen=True)
class Stage:
    """How far the networks are grown at a step: `since` steps ago to `depth` doublings, the old path weighing `alpha`."""

    depth: int
    alpha: float
    since: int


@dataclass(frozen=True)
class GanReport:
    """Means over the steps since the last report: the critic's real minus fake score, its penalty, and where it is."""

    step: int
    stage: Stage
    distance: float
    penalty: float


def fit_gan(
    generator: Generator,
    discriminator: Discriminator,
    draw: Callable[[int], Tensor],
    stage: Callable[[int], Stage],
    steps: int,
    settings: GanSettings,
    seeds: Seeds,
    *,
    state: Path,
    report: Callable[[GanReport], None] = lambda report: None,
    saved: Callable[[Generator, int], None] = lambda averaged, step: None,
) -> Generator:
    """Train both in place for `steps` and return the generator's running average, in evaluation mode.

    `draw(step)` gives real images (n, colours, side, side) in [0, 1], n at least 2, and `stage(step)` how far the
    networks are grown; they and `seeds` alone decide what a step does. Every minute and at the end of a stage all is
    written to the file `state`, and then `saved(running average, steps done)` is called; where that file exists,
    training goes on from it, on the same machine to the same weights. `report` is called every `REPORT_EVERY` steps and
    at the end of a stage. All in float32: the penalty is differentiated twice.
    Raises `RemnantError` when `state` cannot be read or is of other networks, and when the scores are no longer finite.
    """
    device = fabric().device
    for network in (generator, discriminator):
        network.to(device=device, memory_format=torch.channels_last).train()
    averaged = copy.deepcopy(generator).eval().requires_grad_(False)
    parts = {"generator": generator, "discriminator": discriminator, "averaged": averaged}
    for name, network in (("generator", generator), ("discriminator", discriminator)):
        parts[f"{name}_optimizer"] = torch.optim.Adam(
            network.parameters(), settings.learning_rate, settings.betas, fused=True
        )
    first = load_state(state, parts) if state.exists() else 0
    last_saved, totals, counted = time.monotonic(), torch.zeros(2, device=device), 0
    for step in range(first, steps):
        now = stage(step)
        for network in (generator, discriminator, averaged):
            network.grow_to(now.depth, now.alpha)
        random = seeds.child("step", step).torch()
        real = at_stage(draw(step).to(device), now)
        latents = torch.randn(len(real), generator.latent, generator=random).to(device)
        mixing = torch.rand(len(real), 1, 1, 1, generator=random).to(device)

        fake = generator(latents)
        optimizer = parts["discriminator_optimizer"]
        optimizer.zero_grad()
        loss, figures = critic_loss(discriminator, real, fake.detach(), mixing, settings)
        loss.backward()
        optimizer.step()

        # The same fakes serve the generator, whose weights have not moved since.
        optimizer = parts["generator_optimizer"]
        optimizer.zero_grad()
        discriminator.requires_grad_(False)
        (-discriminator(fake).mean()).backward()
        discriminator.requires_grad_(True)
        optimizer.step()
        _follow(averaged, generator, min(settings.average, (1 + now.since) / (10 + now.since)))

        totals, counted = totals + figures, counted + 1
        ends = step + 1 == steps or stage(step + 1).depth != now.depth
        if ends or (step + 1) % REPORT_EVERY == 0:
            distance, penalty = (totals / counted).tolist()
            if not math.isfinite(distance + penalty):
                raise RemnantError(
                    f"The discriminator's scores were no longer finite at step {step + 1}; lower the learning rate "
                    f"(now {settings.learning_rate})."
                )
            report(GanReport(step + 1, now, distance, penalty))
            totals, counted = torch.zeros_like(totals), 0
        if ends or time.monotonic() - last_saved >= SAVE_EVERY_S:
            save_state(state, parts, step + 1)
            saved(averaged, step + 1)
            last_saved = time.monotonic()
    return averaged


def critic_loss(
    discriminator: Discriminator, real: Tensor, fake: Tensor, mixing: Tensor, settings: GanSettings
) -> tuple[Tensor, Tensor]:
    """What the discriminator minimises, and [mean real minus mean fake score, gradient penalty] without gradient.

    Equation 3 of Gulrajani et al. 2017, with `mixing` (n, 1, 1, 1) in [0, 1] as the share of the real image, plus the drift
    term of Karras 2018, appendix A.1.
    """
    score = discriminator(real)
    distance = score.mean() - discriminator(fake).mean()
    mixed = (mixing * real + (1 - mixing) * fake).requires_grad_(True)
    (slope,) = torch.autograd.grad(discriminator(mixed).sum(), mixed, create_graph=True)
    penalty = (slope.flatten(1).norm(dim=1) - 1).square().mean()
    loss = -distance + settings.penalty * penalty + settings.drift * score.square().mean()
    return loss, torch.stack([distance, penalty]).detach()


def at_stage(images: Tensor, stage: Stage) -> Tensor:
    """Real images (n, c, side, side) as the discriminator meets them: shrunk, and faded as the generator's are.

    Karras 2018, section 2: while a doubling is faded in, the real images are mixed of both sides as well.
    """
    small = functional.avg_pool2d(images, images.shape[-1] // (4 << stage.depth))
    if stage.alpha == 0:
        return small
    old = functional.interpolate(functional.avg_pool2d(small, 2), scale_factor=2, mode="nearest")
    return stage.alpha * old + (1 - stage.alpha) * small


@torch.no_grad()
def _follow(averaged: Generator, generator: Generator, decay: float) -> None:
    for mean, parameter in zip(averaged.parameters(), generator.parameters(), strict=True):
        mean.lerp_(parameter, 1 - decay)
