"""What an attack is handed of a model under audit, and of the candidates: as much as the recipient sees, and no more.

Who of the candidates is a member none of these says.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from remnant.base.errors import RemnantError
from remnant.cohort.images import Images
from remnant.targets.audited import Audited
from remnant.targets.head import OutputHead
from remnant.targets.layers_run import layers_run, run_to
from remnant.targets.objective import image_loss


@dataclass(frozen=True)
class Shadows:
    """What networks trained the same way on known halves of the candidates fit of each image, and who trained them.

    `queries` by name of the signal, (images, networks, queries), higher for a better fit, of each image as it is and of shifts of
    it; `trained` (images, networks): whether the image's patient did; `patients` (images). Networks 2r and 2r + 1 have the two
    halves of one deal (`measure.swaps`).
    """

    patients: tuple[str, ...]
    queries: Mapping[str, np.ndarray]
    trained: np.ndarray

    @property
    def signals(self) -> dict[str, np.ndarray]:
        """Of each image as it is, (images, networks) by name."""
        return {name: values[..., 0] for name, values in self.queries.items()}

    def of(self, patients: tuple[str, ...]) -> "Shadows":
        """The images of some patients, in their order here, which is that of the cohort."""
        own = [i for i, patient in enumerate(self.patients) if patient in set(patients)]
        queries = {name: values[own] for name, values in self.queries.items()}
        return Shadows(tuple(self.patients[i] for i in own), queries, self.trained[own])


@dataclass(frozen=True)
class SeenOutputs:
    """Somebody may ask the model about any images: `ask(images, change)` gives the place and the logits (outputs, *spatial) of
    each. `losses(images)`: the owner's own loss (n,), None where he gave none. `head` says how to read the answers. `references`
    ask other models of the same recipe, as `ask` does; `passed_over`: by patient the number, from 1, of the one that does not
    count for him. `shadows`: answers about the candidates of those that the attacker trained, None where he trained none.
    `before` asks an earlier version of the model, None where he has none."""

    candidates: Images
    head: OutputHead
    ask: Callable[..., Iterator[tuple[int, Tensor]]]
    losses: Callable[[Images], np.ndarray] | None
    references: tuple[Callable[..., Iterator[tuple[int, Tensor]]], ...] = ()
    shadows: Shadows | None = None
    passed_over: Mapping[str, int] = field(default_factory=dict)
    before: Callable[..., Iterator[tuple[int, Tensor]]] | None = None


@dataclass(frozen=True)
class SeenWeights:
    """Somebody has the model's file, and may do with it what he likes."""

    candidates: Images
    target: Audited


@dataclass(frozen=True)
class SeenLatents:
    """Somebody sees what a module of the network makes of the candidates' images, and may encode images of his own.

    `latents` (n), each of one shape, float32; `patients` (n): whose each is. `shape` (channels, *spatial) of the images.
    """

    latents: Tensor
    patients: tuple[str, ...]
    shape: tuple[int, ...]
    encode: Callable[[Tensor], Tensor]
    module: str


def seen_outputs(target: Audited, candidates: Images) -> SeenOutputs:
    """The access of somebody who may ask."""

    def losses(images: Images) -> np.ndarray:
        with torch.no_grad():
            pairs = zip(images.images, images.labels or (), strict=True)
            return np.array([float(image_loss(target, image, label)) for image, label in pairs])

    references = tuple(one.answers for one in target.references)
    own = losses if target.loss else None
    before = target.before.answers if target.before else None
    return SeenOutputs(
        candidates, target.head, target.answers, own, references, passed_over=target.passed_over, before=before
    )


def seen_latents(target: Audited, candidates: Images, module: str | None) -> SeenLatents:
    """The access of somebody who sees latents of `module`, by default of the narrowest (`layers_run.narrowest`).

    Raises `RemnantError` for a module that the network has not, that does not run, and for images of several shapes.
    """
    shapes = {tuple(image.shape) for image in candidates.images}
    if len(shapes) > 1:
        raise RemnantError("Latents are inverted of images of one shape; let data() crop or pad them alike.")
    name = module or layers_run(target.module, candidates.images[0][None].to(target.device)).narrowest()

    def run(batch: Tensor) -> Tensor:
        return run_to(target.module, name, batch.to(target.device)).float().cpu()

    def encode(images: Tensor) -> Tensor:
        return torch.cat([target.together(batch.unbind(), run) for batch in images.split(target.batch)])

    latents = torch.cat([encode(image[None]) for image in candidates.images])
    return SeenLatents(latents, candidates.patients, shapes.pop(), encode, name)


def reduced_latents(access: SeenLatents, candidates: Images) -> SeenLatents:
    """Access to latents that surely hold an image: in place of the module, the image itself, reduced to about as many values."""
    channels, *spatial = access.shape
    values = access.latents[0].numel() / channels
    share = min(1.0, (values / math.prod(spatial)) ** (1 / len(spatial)))
    sides = tuple(max(1, round(side * share)) for side in spatial)
    pool = {2: functional.adaptive_avg_pool2d, 3: functional.adaptive_avg_pool3d}[len(spatial)]

    def encode(images: Tensor) -> Tensor:
        return pool(images, sides)

    latents = torch.cat([encode(image[None]) for image in candidates.images])
    return SeenLatents(latents, access.patients, access.shape, encode, "the reduced image")
