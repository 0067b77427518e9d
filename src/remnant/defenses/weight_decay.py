"""Weight decay: weights are drawn towards zero."""

from dataclasses import replace

import pydantic

from remnant.base.config import Settings
from remnant.defenses.defense import Defense
from remnant.targets.recipes import Recipe


class WeightDecaySettings(Settings):
    """`strength`: that of AdamW, by which a step of the learning rate 1 would shrink every weight."""

    strength: float = pydantic.Field(default=0.05, gt=0)


def decay(recipe: Recipe, settings: WeightDecaySettings) -> Recipe:
    """The recipe with this weight decay."""
    return replace(recipe, fit=recipe.fit.changed(weight_decay=settings.strength))


WEIGHT_DECAY = Defense(
    "weight_decay",
    "weight decay",
    "Every step shrinks the weights a little, so that those that serve a single image fade; too much costs accuracy.",
    "training",
    decay,
    "Loshchilov and Hutter 2019",
    WeightDecaySettings,
    inside="train() has an optimiser of its own, and is where weight decay goes",
)
