"""The models of a cross-validation as one network under audit: each patient's images are put to one of them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from remnant.base.errors import RemnantError
from remnant.cohort.images import Images
from remnant.targets.audited import Audited


@dataclass
class FoldModels(Audited):
    """`models`, of one recipe and head; `asked`: by patient, the place of the one that his images are put to."""

    models: Sequence[Audited] = ()
    asked: Mapping[str, int] = field(default_factory=dict)

    def of(self, patient: str) -> Audited:
        """The model that a patient is put to."""
        return self.models[self.asked[patient]]

    def answers(
        self, images: Images, change: Callable[[Tensor], Tensor] = lambda batch: batch
    ) -> Iterator[tuple[int, Tensor]]:
        """As `Audited.answers`, model by model."""
        for number, model in enumerate(self.models):
            places = [i for i, patient in enumerate(images.patients) if self.asked[patient] == number]
            if places:
                yield from ((places[i], logits) for i, logits in model.answers(images.take(places), change))


def fold_models(models: Sequence[Audited], asked: Mapping[str, int]) -> FoldModels:
    """All of them with their references: reference c puts a patient's images to the model c places behind the one `asked`."""
    count = len(models)
    turned = [_turned(models, {patient: (own + c) % count for patient, own in asked.items()}) for c in range(count)]
    return replace(turned[0], references=tuple(turned[1:]))


def with_references(models: Sequence[Audited], number: int) -> Audited:
    """The model of this `number` with the others as references, in the order in which `fold_models` turns."""
    return replace(models[number], references=tuple(models[(number + c) % len(models)] for c in range(1, len(models))))


def _turned(models: Sequence[Audited], asked: Mapping[str, int]) -> FoldModels:
    return FoldModels(models[0].module, models[0].head, forward=_no_batch, models=models, asked=asked)


def _no_batch(batch: torch.Tensor) -> object:
    """A batch alone does not say whose it is."""
    raise RemnantError("The models of folds are asked about patients' images, not about a batch; ask one of them.")
