"""What the auditor, who has the training images, can say of an attack that reconstructed nobody: could it have at all?

Two questions that no attacker can ask. Prior ceiling: how near does the prior come to a patient when it is shown the image
itself? Identifiability: do the training images fit what the attack asks for better than what it found?
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pydantic
import torch
from torch import Tensor, nn

from remnant.attacks.checkpoint.descend import StepReport
from remnant.attacks.checkpoint.generate import draw_images, draw_latents
from remnant.attacks.checkpoint.goals import Goals, Looked
from remnant.attacks.checkpoint.latent_search import SearchSettings, search_latents
from remnant.attacks.checkpoint.methods import MethodSettings
from remnant.attacks.checkpoint.terms import total_variation_term
from remnant.base.seeds import Seeds
from remnant.engine.device import as_batch

SETS = 20  # random sets of images on which an objective is taken


class CeilingSettings(SearchSettings):
    """The inversion of `images` at most, each begun at the nearest of `starts` random images of the prior.

    Latents are free by default, so that the prior shows all that it can.
    """

    images: int = pydantic.Field(default=48, ge=1)
    starts: int = pydantic.Field(default=500, ge=1)
    steps: int = pydantic.Field(default=150, ge=1)
    learning_rate: float = pydantic.Field(default=0.05, gt=0)
    prior: float = pydantic.Field(default=0.0, ge=0)


def invert_images(
    generator: nn.Module, images: Tensor, settings: CeilingSettings, seeds: Seeds, report: StepReport
) -> Tensor:
    """What `generator` draws for the latents that come nearest to each of `images`, both (n, 1, N, N) in [0, 1].

    By mean squared difference of pixels. What the prior cannot draw even so, no attack with this prior can.
    """
    starts = draw_latents(generator, settings.starts, seeds.torch())
    drawn, wanted = draw_images(generator, starts).flatten(1), images.flatten(1)
    chosen = torch.cdist(wanted, drawn).argmin(1)

    def objective(found: Tensor, which: Tensor) -> dict[str, Tensor]:
        return {"pixels": (found.float() - as_batch(images[which.cpu()])).square().mean((1, 2, 3))}

    latents, _ = search_latents(generator, starts[chosen.to(starts.device)], objective, settings, report)
    return draw_images(generator, latents)


@dataclass(frozen=True)
class Objective:
    """What an attack asks of a set of images (n, 1, N, N) of `classes` (n,), of what the target makes of them: a number, lower is
    better. `sizes` of its sets."""

    value: Callable[[Looked, Tensor, Tensor], Tensor]
    sizes: tuple[int, ...]


def objective_of(method: str, goals: Goals, settings: MethodSettings) -> Objective | None:
    """The objective of the attacks that ask for a target's statistics, weighed as they weigh it; None for any other."""

    def published(looked: Looked, images: Tensor, classes: Tensor) -> Tensor:
        variation = total_variation_term(images).mean()
        return settings.manifold.weights.total(goals.batch_terms_of(looked, classes) | {"total_variation": variation})

    def joint(looked: Looked, images: Tensor, classes: Tensor) -> Tensor:
        values = goals.set_terms_of(looked, classes)
        return values["standardised_batch_norm"] + settings.joint.logits * values["logits"]

    objectives = {
        "published": Objective(published, (settings.manifold.batch,)),
        "joint": Objective(joint, settings.joint.sets),
    }
    return objectives.get(method)


@torch.no_grad()
def values_of_sets(
    objective: Objective, looked: Looked, images: Tensor, draw: np.random.Generator, count: int = SETS
) -> np.ndarray:
    """The objective of `count` random sets of `images` (n, 1, N, N) in [0, 1], float64 (count,).

    `looked`: what the target makes of all of them, since what it makes of one does not depend on its set. Each set is of as many
    images as the attack's own sets have, in turn, in equal parts of the classes that the target puts them in as far as there are
    enough of both.
    """
    logits = looked.logits
    classes = (logits[:, 0] > 0).long() if logits.shape[1] == 1 else logits.argmax(1)
    found, known = [], classes.cpu().numpy()
    for number in range(count):
        chosen = torch.from_numpy(_a_set(known, objective.sizes[number % len(objective.sizes)], draw))
        places = chosen.to(logits.device)
        found.append(float(objective.value(looked.of(places), as_batch(images[chosen]), classes[places])))
    return np.array(found)


def _a_set(classes: np.ndarray, size: int, draw: np.random.Generator) -> np.ndarray:
    """Indices of a random set, half of either of two classes where both have so many."""
    size = min(size, len(classes))
    parts = [np.flatnonzero(classes == which) for which in range(2)]
    shares = [size - size // 2, size // 2]
    if any(len(part) < share for part, share in zip(parts, shares, strict=True)):
        return draw.permutation(len(classes))[:size]
    return np.concatenate([draw.permutation(part)[:share] for part, share in zip(parts, shares, strict=True)])
