"""Attacks that move latents and leave the generator as it is."""

from collections.abc import Callable

import pydantic
import torch
from torch import Tensor, nn

from remnant.attacks.checkpoint.descend import StepReport, counted_on, descend
from remnant.attacks.checkpoint.generate import Samples, draw_images, draw_latents, frozen
from remnant.attacks.checkpoint.goals import TargetClassifier
from remnant.attacks.checkpoint.manifold import wanted_classes
from remnant.attacks.checkpoint.terms import logits_term
from remnant.base.config import Settings
from remnant.base.seeds import Seeds
from remnant.engine.device import fabric

# (images of a batch, which of all latents they are from) to weighed terms of each image, (n,), by name
Objective = Callable[[Tensor, Tensor], dict[str, Tensor]]


class SearchSettings(Settings):
    """The search: `steps` of Adam at `learning_rate`, for `batch` latents side by side.

    `prior` weighs half the mean square of a latent's numbers, which is 0.5 where the generator was trained.
    """

    steps: int = pydantic.Field(default=100, ge=1)
    learning_rate: float = pydantic.Field(default=0.02, gt=0)
    batch: int = pydantic.Field(default=32, ge=1)
    prior: float = pydantic.Field(default=0.1, ge=0)


class GmiSettings(SearchSettings):
    """Generative model inversion: `images` searches; `identity` weighs the target's class, `realism` the discriminator."""

    images: int = pydantic.Field(default=200, ge=1)
    identity: float = pydantic.Field(default=1.0, ge=0)
    realism: float = pydantic.Field(default=0.1, ge=0)


class Points(nn.Module):
    """Numbers that a search trains as if they were weights, and hands out."""

    def __init__(self, starts: Tensor) -> None:
        super().__init__()
        self.values = nn.Parameter(starts.clone())

    def forward(self) -> Tensor:
        return self.values


def gmi(
    generator: nn.Module,
    discriminator: nn.Module | None,
    classifier: TargetClassifier,
    settings: GmiSettings,
    seeds: Seeds,
    report: StepReport,
) -> Samples:
    """A search in the untuned prior (Zhang et al. 2020, "The secret revealer"): -D(G(z)) plus the loss of the class.

    Half of the images of each class. Without a `discriminator` the latents' own prior alone keeps images real. A candidate's
    score is what its search ended with.
    """
    classes = wanted_classes(settings.images, classifier.classes).to(classifier.device)
    judge = None if discriminator is None else frozen(discriminator)

    def objective(images: Tensor, which: Tensor) -> dict[str, Tensor]:
        logits = classifier.target(classifier.input_range(images))
        terms = {"logits": settings.identity * logits_term(logits, classes[which])}
        if judge is not None:
            terms["realism"] = -settings.realism * judge(images).float()[:, 0]
        return terms

    starts = draw_latents(generator, settings.images, seeds.torch())
    latents, ends = search_latents(generator, starts, objective, settings, report)
    return Samples(draw_images(generator, latents), ends)


def search_latents(
    generator: nn.Module, starts: Tensor, objective: Objective, settings: SearchSettings, report: StepReport
) -> tuple[Tensor, Tensor]:
    """Latents (n, latent) that lower `objective` from `starts`, and where each ended, (n,) on the CPU.

    Latents do not know of each other, and Adam does not mind that a mean over the batch makes gradients small. `report`
    hears of the mean of every term at every step, batch after batch.
    """
    generator = frozen(generator)
    found = []
    for number, which in enumerate(torch.arange(len(starts), device=starts.device).split(settings.batch)):
        later = counted_on(report, number * settings.steps)
        found.append(_search_batch(generator, starts[which], which, objective, settings, later))
    latents, ends = zip(*found, strict=True)
    return torch.cat(latents), torch.cat(ends)


def _search_batch(
    generator: nn.Module,
    starts: Tensor,
    which: Tensor,
    objective: Objective,
    settings: SearchSettings,
    report: StepReport,
) -> tuple[Tensor, Tensor]:
    def look(latents: Tensor) -> dict[str, Tensor]:
        with fabric().autocast():
            values = objective(generator(latents), which)
        return values | {"latent prior": settings.prior * 0.5 * latents.square().mean(1)}

    def terms(points: nn.Module, drawn: None) -> tuple[Tensor, dict[str, Tensor]]:
        values = {name: value.mean() for name, value in look(points()).items()}
        return torch.stack(list(values.values())).sum(), values

    points = descend(Points(starts), lambda step: None, terms, settings.steps, settings.learning_rate, report)
    with torch.no_grad():
        ends = torch.stack(list(look(points.values).values())).sum(0)
    return points.values.detach(), ends.float().cpu()
