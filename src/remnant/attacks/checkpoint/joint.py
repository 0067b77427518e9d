"""Sets of images that, pooled, have the statistics a target stored: what a CNN says of all its training images at once.

Running statistics are those of a whole training set, and no image alone need have them. Stage 1 as published asks them of
every handful of images that the generator may draw, and so pulls a generator; here a fixed set is asked, and so pulls images.
Few training images leave statistics that few other sets have: thousands of numbers against hundreds of a set's latents.
"""

from typing import Annotated

import pydantic
import torch
from torch import Tensor, nn

from remnant.attacks.checkpoint.descend import StepReport, counted_on, descend
from remnant.attacks.checkpoint.generate import Samples, draw_images, draw_latents, frozen
from remnant.attacks.checkpoint.goals import Goals
from remnant.attacks.checkpoint.latent_search import Points
from remnant.attacks.checkpoint.manifold import wanted_classes
from remnant.base.config import Settings
from remnant.base.seeds import Seeds
from remnant.engine.device import fabric


class JointSettings(Settings):
    """A search for each of `sets`, which are their numbers of images, by `steps` of Adam at `learning_rate` on their latents.

    A set of the training's own size fits best; since nobody tells it, there may be sets of several. `logits` weighs the loss
    of the classes, which a set has in equal parts, `prior` half the mean square of a latent's numbers.
    """

    sets: tuple[Annotated[int, pydantic.Field(ge=2)], ...] = pydantic.Field(default=(8, 8, 16, 32), min_length=1)
    steps: int = pydantic.Field(default=300, ge=1)
    learning_rate: float = pydantic.Field(default=0.05, gt=0)
    logits: float = pydantic.Field(default=1.0, ge=0)
    prior: float = pydantic.Field(default=0.02, ge=0)

    @property
    def images(self) -> int:
        """How many candidates all sets together have."""
        return sum(self.sets)


def invert_sets(
    generator: nn.Module, goals: Goals, settings: JointSettings, seeds: Seeds, report: StepReport
) -> Samples:
    """The images of all sets, in their order; a candidate's score is what the search of its set ended with.

    `generator` draws (n, latent) to (n, 1, N, N) and is left as it is; the target of `goals` must have BatchNorm. `report`
    hears of every term at every step, without its weight, set after set.
    """
    generator = frozen(generator)
    images, scores = [], []
    for number, size in enumerate(settings.sets):
        starts = draw_latents(generator, size, seeds.child(f"set {number}").torch())
        latents, end = _search(generator, starts, goals, settings, counted_on(report, number * settings.steps))
        images.append(draw_images(generator, latents))
        scores.append(torch.full((size,), end))
    return Samples(torch.cat(images), torch.cat(scores))


def _search(
    generator: nn.Module, starts: Tensor, goals: Goals, settings: JointSettings, report: StepReport
) -> tuple[Tensor, float]:
    classes = wanted_classes(len(starts), goals.classes).to(goals.device)
    losses: list[float] = []

    def terms(points: nn.Module, drawn: None) -> tuple[Tensor, dict[str, Tensor]]:
        latents = points()
        with fabric().autocast():
            values = goals.set_terms(generator(latents), classes)
        pull = 0.5 * latents.square().mean()
        total = values["standardised_batch_norm"] + settings.logits * values["logits"] + settings.prior * pull
        return total, values | {"latent prior": pull}

    def report_step(step: int, loss: float, values: dict[str, float]) -> None:
        losses.append(loss)
        report(step, loss, values)

    points = descend(Points(starts), lambda step: None, terms, settings.steps, settings.learning_rate, report_step)
    return points.values.detach(), losses[-1]
