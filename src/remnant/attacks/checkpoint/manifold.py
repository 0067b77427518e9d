"""Stage 1 (Lee 2025): fine-tune a generator until its images excite the target as the training images did."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import pydantic
import torch
from torch import Tensor, nn

from remnant.attacks.checkpoint.descend import StepReport, descend
from remnant.attacks.checkpoint.generate import draw_images, draw_latents
from remnant.attacks.checkpoint.goals import Goals, GoalSettings
from remnant.attacks.checkpoint.terms import TermWeights, total_variation_term
from remnant.base.config import Settings
from remnant.base.seeds import Seeds
from remnant.engine.device import fabric, place
from remnant.engine.loop import Plateau
from remnant.targets.access import Weights
from remnant.targets.inputs import InputRange


class ManifoldSettings(Settings):
    """Stage 1, by default as the author ran it: 2,500 steps of Adam at 1e-5, 8 images a step, every weight of the generator.

    Given a `plateau`, it ends once the loss has levelled off, and after `steps` at the latest. The rate rises over the first
    `warm_up` steps, and falls to 0 over a last stretch, a share `cool_down` of the steps before it, where the loss settles.
    `strip`: so many latents are drawn again and again on the way, to show the progress.
    """

    steps: int = pydantic.Field(default=2500, ge=1)
    learning_rate: float = pydantic.Field(default=1e-5, gt=0)
    warm_up: int = pydantic.Field(default=0, ge=0)
    cool_down: float = pydantic.Field(default=0, ge=0, le=1)
    batch: int = pydantic.Field(default=8, ge=2)
    plateau: Plateau | None = None
    weights: TermWeights = TermWeights()
    goals: GoalSettings = GoalSettings()
    strip: int = pydantic.Field(default=4, ge=1)


@dataclass(frozen=True)
class TunedGenerator:
    """`generator` in evaluation mode, frozen, after so many `steps`.

    `levelled_off`: whether its loss had before the rate was lowered; None where a fixed number of steps was asked for.
    `progression`: the images (strip, 1, N, N) of the same few latents after 0, 1, 2, 5, 10, 20, 50 ... steps and after the last.
    """

    generator: nn.Module
    steps: int
    levelled_off: bool | None
    progression: dict[int, Tensor]


def tune_generator(
    generator: nn.Module,
    access: Weights,
    input_range: InputRange,
    settings: ManifoldSettings,
    seeds: Seeds,
    report: StepReport,
    *,
    wanted: int | None = None,
) -> TunedGenerator:
    """A copy of the prior's `generator`, (n, latent) to (n, 1, N, N), fine-tuned to the target; the prior is left as it is.

    Each step draws latents anew and wants the classes in equal parts, as published, whatever the latents (which pulls a latent
    to every class alike), or the one class `wanted` alone. `report` hears of every term at every step, without its weight.

    Raises `RemnantError` as `Goals` and `fit` do.
    """
    goals = Goals(access, input_range, settings.goals)
    tuned = place(copy.deepcopy(generator)).requires_grad_(True)
    drawing = seeds.child("latents").torch()
    shown = draw_latents(generator, settings.strip, seeds.child("strip").torch())
    classes = wanted_classes(settings.batch, goals.classes, wanted).to(goals.device)
    progression = {0: draw_images(tuned, shown)}
    losses: list[float] = []
    levelled_off: bool | None = None

    def terms(model: nn.Module, latents: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        images = model(latents)
        with fabric().autocast():
            values = goals.batch_terms(images, classes)
        values["total_variation"] = total_variation_term(images).mean()
        return settings.weights.total(values), values

    def report_step(step: int, loss: float, values: dict[str, float]) -> None:
        losses.append(loss)
        if str(step + 1).rstrip("0") in ("1", "2", "5"):
            progression[step + 1] = draw_images(tuned, shown)
        report(step, loss, values)

    def stop(losses: Sequence[float]) -> bool:
        nonlocal levelled_off
        levelled_off = settings.plateau and settings.plateau.reached(losses)
        return bool(levelled_off)

    descend(
        tuned,
        lambda step: draw_latents(generator, settings.batch, drawing),
        terms,
        settings.steps,
        settings.learning_rate,
        report_step,
        warm_up=settings.warm_up,
        cool_down=settings.cool_down,
        stop=stop,
    )
    progression[len(losses)] = draw_images(tuned, shown)
    return TunedGenerator(tuned.requires_grad_(False), len(losses), levelled_off, progression)


def wanted_classes(count: int, classes: int, wanted: int | None = None) -> Tensor:
    """The class (count,) that each image of a batch should belong to: equal parts in order, or `wanted` alone."""
    if wanted is not None:
        return torch.full((count,), wanted)
    return torch.arange(count) * classes // count
