"""A target whose stored statistics are other people's: its weights as they are, its BatchNorm statistics computed anew."""

import numpy as np
from torch import nn

from remnant.base.seeds import Seeds
from remnant.cohort.images import Images
from remnant.defenses.public_statistics import PUBLIC_STATISTICS
from remnant.engine.device import as_batch, place
from remnant.targets.classifier import TrainedClassifier, share_right, skill_of
from remnant.targets.patients import check_images
from remnant.targets.recipes import ClassifierSettings, Recipe


def with_statistics_of(
    others: Images,
    model: nn.Module,
    settings: ClassifierSettings,
    recipe: Recipe,
    seeds: Seeds,
    *,
    training: Images,
    validation: Images,
) -> TrainedClassifier:
    """A copy of `model` whose running means and variances are those that `others` leave, every weight untouched.

    The statistics are the mean over one epoch of batches as in training, dealt anew (`defenses.public_statistics`). If an attack
    by stored statistics is drawn to those who trained the weights all the same, it is not by the statistics that it is. `recipe`:
    that of the model. Accuracy and skill are those of the copy; it has no history. Raises `RemnantError` for images that do not
    fit.
    """
    check_images(others.images, "other patients'")
    steps = -(-len(others.images) // settings.batch)
    order = seeds.child("order").numpy().permutation(len(others.images))
    batches = (settings.input_range(as_batch(others.images[part])) for part in np.array_split(order, steps))
    swapped = PUBLIC_STATISTICS.defend(place(model), seeds=seeds, public=batches)
    skills = [skill_of(swapped, group, settings.input_range) for group in (training, validation)]
    return TrainedClassifier(
        swapped, settings, recipe, (), -1, share_right(swapped, training, settings.input_range), *skills
    )
