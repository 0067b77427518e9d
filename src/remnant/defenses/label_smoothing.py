"""Label smoothing: no label is taken for certain."""

from dataclasses import replace

import pydantic

from remnant.base.config import Settings
from remnant.base.seeds import Seeds
from remnant.defenses.defense import Defense
from remnant.targets.recipes import Batch, BatchChange, Recipe

NAME = "label_smoothing"


class LabelSmoothingSettings(Settings):
    """`share` of each label that is spread evenly over all classes, its own included."""

    share: float = pydantic.Field(default=0.1, gt=0, lt=1)


def smooth(recipe: Recipe, settings: LabelSmoothingSettings) -> Recipe:
    """The recipe whose truth is (1 - share) y + share / K of K classes (Szegedy et al. 2016, section 7)."""

    def begin(seeds: Seeds) -> BatchChange:
        def smoothed(batch: Batch) -> Batch:
            # Of a classifier there is the probability of class 1 alone, of two.
            classes = 2 if batch.truth.dim() == 1 else batch.truth.shape[1]
            return batch._replace(truth=batch.truth * (1 - settings.share) + settings.share / classes)

        return smoothed

    return replace(recipe, changes={**recipe.changes, NAME: begin})


LABEL_SMOOTHING = Defense(
    NAME,
    "label smoothing",
    "No label is taken for certain, so that no loss falls to zero; answers are less confident, and membership may "
    "show more plainly in them.",
    "training",
    smooth,
    "Szegedy et al. 2016",
    LabelSmoothingSettings,
    inside="train() reckons its loss of the labels of data(), and is where they are smoothed",
)
