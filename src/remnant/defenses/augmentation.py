"""Augmentation: every step of a training sees its images changed at random."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from torch import nn

from remnant.base.seeds import Seeds
from remnant.defenses.defense import Defense
from remnant.targets.augmentation import Augmentation, augment
from remnant.targets.recipes import Batch, BatchChange, Recipe

NAME = "augmentation"


def change(recipe: Recipe, settings: Augmentation) -> Recipe:
    """The recipe by which each batch is shifted, turned, scaled and changed in its greys, as `settings` allow."""

    def begin(seeds: Seeds) -> BatchChange:
        drawing = seeds.torch()

        def augmented(batch: Batch) -> Batch:
            return batch._replace(images=augment(batch.images, settings.draw(len(batch.images), drawing)))

        return augmented

    changes: Mapping[str, Any] = {**recipe.changes, NAME: begin}
    return replace(recipe, changes=changes)


def _applies(subject: Any) -> str:
    if isinstance(subject, nn.Module):
        of_volumes = any(isinstance(module, nn.Conv3d) for module in subject.modules())
    else:
        of_volumes = subject.task == "segmenter"
    return "its changes are of radiographs, and these are volumes with label maps" if of_volumes else ""


AUGMENTATION = Defense(
    NAME,
    "augmentation",
    "Each step sees its images shifted, turned, scaled and of other greys, so that none is seen twice; training "
    "takes longer.",
    "training",
    change,
    "Lee et al. 2025",
    Augmentation,
    _applies,
)
