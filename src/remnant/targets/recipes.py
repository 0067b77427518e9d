"""How a target is trained: its recipe, plain or as defences changed it, and the settings of a classifier."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol, Self

import numpy as np
import pydantic
from torch import Tensor, nn

from remnant.base.config import Settings
from remnant.base.seeds import Seeds
from remnant.engine.loop import FitSettings
from remnant.targets.inputs import InputRange
from remnant.targets.patients import places_of

SMALLEST_OF_A_RESNET = 16

Task = Literal["classifier", "segmenter"]


class Batch(NamedTuple):
    """Of one step: `images` float32 (n, channels, *spatial) in [0, 1], and the `truth` as probabilities, float32 on the same
    device: of a classifier (n,), that of class 1; of a segmenter (n, classes, *spatial)."""

    images: Tensor
    truth: Tensor


# What a recipe does to every batch before the network sees it.
BatchChange = Callable[[Batch], Batch]


class Stopping(Protocol):
    """When a training ends, by the loss on validation patients, and which of its epochs is kept."""

    def look(self, model: nn.Module, loss: float) -> None:
        """Hear of the `loss` after an epoch, and of the `model` as it is then."""

    def due(self) -> bool:
        """Whether the training shall end."""

    def restore(self, model: nn.Module) -> int:
        """Give `model` the weights of the epoch that is kept; its number, from 0."""


class PrivateSteps(Protocol):
    """The steps of a training that learns of every patient by himself; `told`: what it guarantees."""

    told: Any

    def draw(self) -> list[int]:
        """Places of the patients of the next step, perhaps of none."""

    def learn(self, network: nn.Module, records: Sequence[Batch], loss: Callable[[nn.Module, Batch], Tensor]) -> Tensor:
        """Give every weight the gradient of a step that sees these `records`, each all images of a patient; their mean loss."""


@dataclass(frozen=True)
class Recipe:
    """How a target is trained, as far as a defence may change it.

    `arguments` build the network, and stand in its checkpoint. `fit`: the settings of the training loop. `changes` by name: each
    is begun once a training, with a branch of its seeds of that name, and then changes every batch, one after the other.
    `stopping` is begun likewise; a training without one keeps its last epoch. `privacy(patients, share, steps, seeds)` begins a
    training of so many patients and steps, each of which draws a patient with the probability `share`; without one a step draws
    images. `defenses`: the settings of those that made the
    recipe what it is, by name.
    """

    task: Task
    arguments: Mapping[str, Any]
    fit: FitSettings
    changes: Mapping[str, Callable[[Seeds], BatchChange]] = field(default_factory=dict)
    stopping: Callable[[], Stopping] | None = None
    privacy: Callable[[int, float, int, Seeds], PrivateSteps] | None = None
    defenses: Mapping[str, Settings] = field(default_factory=dict)

    def change_of_batches(self, seeds: Seeds) -> BatchChange:
        """All its `changes`, begun: what a training does to every batch."""
        begun = [begin(seeds.child(name)) for name, begin in self.changes.items()]

        def changed(batch: Batch) -> Batch:
            for change in begun:
                batch = change(batch)
            return batch

        return changed

    def private_steps(
        self, patients: Sequence[Hashable], batch: int, seeds: Seeds
    ) -> tuple[PrivateSteps, list[np.ndarray]] | None:
        """Its `privacy`, begun for a training on one image each of `patients` (n,) in steps of `batch` images on average, and the
        places of every patient's images; None where a step draws images, or none is made."""
        if not self.privacy or not self.fit.epochs:
            return None
        places, n = places_of(patients), len(patients)
        steps = -(-n // batch) * self.fit.epochs
        return self.privacy(len(places), min(1.0, batch / n), steps, seeds.child("privacy")), places


class ClassifierSettings(Settings):
    """A target: what it is and how it is trained, before any defence.

    `network` and `arguments` as `build_classifier` takes them. `initial`: a checkpoint whose weights it starts from,
    but for a head of other classes. No epoch leaves an untrained network, a negative control.
    `batch`: images a step at most, in steps of nearly equal size: of three or more, none is ever left alone, so that running
    statistics never remember a single image. `memorise`: the target must end with every training image right.
    """

    network: str = "resnet18"
    arguments: dict[str, Any] = pydantic.Field(default_factory=dict)
    input_range: InputRange = InputRange(64)
    initial: Path | None = None
    batch: int = pydantic.Field(default=16, ge=3)
    epochs: int = pydantic.Field(default=60, ge=0)
    learning_rate: float = pydantic.Field(default=1e-3, gt=0)
    memorise: bool = False

    @pydantic.model_validator(mode="after")
    def _large_enough(self) -> Self:
        # As in `nets.siamese`: where its last stride sees a single place, bfloat16 gradients on a CPU are not all written.
        if self.network.startswith("resnet") and self.input_range.size <= SMALLEST_OF_A_RESNET:
            raise ValueError(
                f"a ResNet is trained on images of more than {SMALLEST_OF_A_RESNET} pixels a side, and input_range.size is "
                f"{self.input_range.size}"
            )
        return self

    @property
    def recipe(self) -> Recipe:
        """The plain training: no dropout, no weight decay, every epoch, images as they are."""
        return Recipe(
            "classifier",
            {"name": self.network, "channels": self.input_range.channels, **self.arguments},
            FitSettings(epochs=self.epochs, learning_rate=self.learning_rate, weight_decay=0.0),
        )
