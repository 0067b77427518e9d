"""Augmentation: every step of a training sees its images changed at random."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from remnant.base.seeds import Seeds
from remnant.defenses.defense import Defense, OwnersTraining
from remnant.targets.augmentation import Augmentation, augment
from remnant.targets.recipes import Batch, BatchChange, Recipe

NAME = "augmentation"
COPIES = 4  # of each image that an owner's training is given, all of them changed


def change(recipe: Recipe, settings: Augmentation) -> Recipe:
    """The recipe by which each batch is shifted, turned, scaled and changed in its greys, as `settings` allow."""

    def begin(seeds: Seeds) -> BatchChange:
        drawing = seeds.torch()

        def augmented(batch: Batch) -> Batch:
            return batch._replace(images=augment(batch.images, settings.draw(len(batch.images), drawing)))

        return augmented

    changes: Mapping[str, Any] = {**recipe.changes, NAME: begin}
    return replace(recipe, changes=changes)


def augment_around(train: OwnersTraining, settings: Augmentation) -> OwnersTraining:
    """The training that is given `COPIES` of each item, each changed otherwise, and none as it is.

    Greys are changed within the range of each image, whatever its owner normalised it to.
    """

    def augmented(model, items, seed):
        drawing = Seeds(seed).child(NAME).torch()
        return train(model, list(_copies(items, settings, drawing)), seed)

    return augmented


def _copies(items: Sequence[Mapping[str, Any]], settings: Augmentation, drawing: torch.Generator) -> Any:
    for item in items:
        for changes in (settings.draw(1, drawing) for _ in range(COPIES)):
            image = item["image"]
            given = torch.as_tensor(np.asarray(image)).float()
            low, high = given.min(), given.max()
            spread = torch.where(high > low, high - low, torch.ones(()))
            found = augment(((given - low) / spread)[None], changes)[0] * spread + low
            yield {**item, "image": _like(found, image)}


def _like(image: Tensor, given: Any) -> Any:
    """The image as an array of the kind that the owner gave."""
    if isinstance(given, Tensor):
        return image.to(given)
    return image.numpy().astype(np.asarray(given).dtype)


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
    around=augment_around,
    of_classes=True,
)
