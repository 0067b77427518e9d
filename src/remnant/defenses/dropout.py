"""Dropout before the head of a classifier."""

from dataclasses import replace
from typing import Any

import pydantic
from torch import nn

from remnant.base.config import Settings
from remnant.defenses.defense import Defense
from remnant.targets.recipes import Recipe


class DropoutSettings(Settings):
    """`rate`: the share of the features that a step leaves out, drawn anew each time."""

    rate: float = pydantic.Field(default=0.5, gt=0, lt=1)


def drop(recipe: Recipe, settings: DropoutSettings) -> Recipe:
    """The recipe with a network that has a dropout before its head; of a ViT, in its blocks, too."""
    return replace(recipe, arguments={**recipe.arguments, "dropout": settings.rate})


def _applies(subject: Any) -> str:
    if isinstance(subject, nn.Module):
        headed = any(isinstance(module, nn.Linear) for module in subject.modules())
    else:
        headed = subject.task == "classifier"
    return "" if headed else "it stands before a linear head, which the network has not"


DROPOUT = Defense(
    "dropout",
    "dropout",
    "Each step leaves out a random share of the features before the head, so that no image is known by a few of "
    "them; training takes longer.",
    "training",
    drop,
    "Srivastava et al. 2014",
    DropoutSettings,
    _applies,
)
