"""Dropout before the head of a classifier."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pydantic
from torch import nn
from torch.nn import functional

from remnant.base.config import Settings
from remnant.defenses.defense import Defense, OwnersTraining
from remnant.targets.recipes import Recipe


class DropoutSettings(Settings):
    """`rate`: the share of the features that a step leaves out, drawn anew each time."""

    rate: float = pydantic.Field(default=0.5, gt=0, lt=1)


def drop(recipe: Recipe, settings: DropoutSettings) -> Recipe:
    """The recipe with a network that has a dropout before its head; of a ViT, in its blocks, too."""
    return replace(recipe, arguments={**recipe.arguments, "dropout": settings.rate})


def drop_around(train: OwnersTraining, settings: DropoutSettings) -> OwnersTraining:
    """The training of a network that drops what goes into its last linear layer, as long as it is trained."""

    def dropping(model, items, seed):
        with _dropped(model, settings.rate):
            return train(model, items, seed)

    return dropping


@contextmanager
def _dropped(model: nn.Module, rate: float) -> Iterator[None]:
    # A hook and no layer: the network keeps the names of its weights.
    def drop_inputs(module: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        return functional.dropout(inputs[0], rate, training=module.training), *inputs[1:]

    head = [module for module in model.modules() if isinstance(module, nn.Linear)][-1]
    hook = head.register_forward_pre_hook(drop_inputs)
    try:
        yield
    finally:
        hook.remove()


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
    around=drop_around,
)
