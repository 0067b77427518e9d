"""Early stopping: a training ends before it learns its images by heart."""

import copy
from dataclasses import replace
from functools import partial

import pydantic
from torch import Tensor, nn

from remnant.base.config import Settings
from remnant.defenses.defense import Defense
from remnant.targets.recipes import Recipe


class EarlyStoppingSettings(Settings):
    """`patience`: epochs without a better validation loss until the training ends."""

    patience: int = pydantic.Field(default=10, ge=1)


class LowestLoss:
    """The epoch with the lowest validation loss, and the end once `patience` epochs brought none lower."""

    def __init__(self, patience: int) -> None:
        self.patience = patience
        self.epochs, self.best, self.since, self.lowest = 0, 0, 0, float("inf")
        self.weights: dict[str, Tensor] = {}

    def look(self, model: nn.Module, loss: float) -> None:
        """Hear of the `loss` after an epoch."""
        self.since += 1
        if loss < self.lowest or not self.weights:
            self.best, self.since, self.lowest = self.epochs, 0, loss
            self.weights = copy.deepcopy(model.state_dict())
        self.epochs += 1

    def due(self) -> bool:
        """Whether `patience` epochs brought nothing."""
        return self.since >= self.patience

    def restore(self, model: nn.Module) -> int:
        """Give `model` the weights of the best epoch; its number, from 0."""
        model.load_state_dict(self.weights)
        return self.best


def stop_early(recipe: Recipe, settings: EarlyStoppingSettings) -> Recipe:
    """The recipe that ends by the loss on validation patients, and keeps the best epoch."""
    return replace(recipe, stopping=partial(LowestLoss, settings.patience))


EARLY_STOPPING = Defense(
    "early_stopping",
    "early stopping",
    "Training ends where the loss on validation patients no longer falls, before images are memorised; these "
    "patients are lost to the training.",
    "training",
    stop_early,
    "Lee et al. 2025",
    EarlyStoppingSettings,
    inside="train() itself decides when it ends",
)
