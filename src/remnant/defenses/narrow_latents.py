"""Narrower latents: less room at the narrowest layer."""

from dataclasses import replace
from typing import Any

import pydantic
from torch import nn

from remnant.base.config import Settings
from remnant.defenses.defense import Defense
from remnant.nets.segmenter import Segmenter
from remnant.targets.recipes import Recipe

NO_WIDTHS = "Remnant builds no such network of other widths; train one that is narrower"


class NarrowLatentsSettings(Settings):
    """`share` of the deepest level's channels that are kept, at least one."""

    share: float = pydantic.Field(default=0.25, gt=0, lt=1)


def narrow(recipe: Recipe, settings: NarrowLatentsSettings) -> Recipe:
    """The recipe with a network whose deepest level has fewer channels."""
    *widths, deepest = recipe.arguments["widths"]
    kept = max(1, round(settings.share * deepest))
    return replace(recipe, arguments={**recipe.arguments, "widths": (*widths, kept)})


def _applies(subject: Any) -> str:
    if isinstance(subject, nn.Module):
        return "" if isinstance(subject, Segmenter) else NO_WIDTHS
    return "" if "widths" in subject.arguments else NO_WIDTHS


NARROW_LATENTS = Defense(
    "narrow_latents",
    "narrower latents",
    "The deepest level has fewer channels, so that latents hold less of an image; the task that is done by them "
    "suffers.",
    "training",
    narrow,
    "Remnant",
    NarrowLatentsSettings,
    _applies,
    inside="how wide the network is, build() says",
)
