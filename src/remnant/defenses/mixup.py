"""Mixup: a training sees weighted means of two images, never one alone."""

from dataclasses import replace

import pydantic
import torch

from remnant.base.config import Settings
from remnant.base.seeds import Seeds
from remnant.defenses.defense import Defense
from remnant.targets.recipes import Batch, BatchChange, Recipe

NAME = "mixup"


class MixupSettings(Settings):
    """`alpha` of the law Beta(alpha, alpha) of the first image's share: small ones leave most images almost alone."""

    alpha: float = pydantic.Field(default=1.0, gt=0)


def mix(recipe: Recipe, settings: MixupSettings) -> Recipe:
    """The recipe that mixes each image, and its truth, with another of its batch (Zhang et al. 2018, equation 1)."""

    def begin(seeds: Seeds) -> BatchChange:
        generator = seeds.numpy()

        def mixed(batch: Batch) -> Batch:
            n = len(batch.images)
            shares = torch.from_numpy(generator.beta(settings.alpha, settings.alpha, n)).float()
            others = torch.from_numpy(generator.permutation(n))
            return Batch(*(_mixed(part, others, shares) for part in batch))

        return mixed

    return replace(recipe, changes={**recipe.changes, NAME: begin})


def _mixed(values: torch.Tensor, others: torch.Tensor, shares: torch.Tensor) -> torch.Tensor:
    weight = shares.to(values.device).reshape(-1, *[1] * (values.dim() - 1))
    return weight * values + (1 - weight) * values[others.to(values.device)]


MIXUP = Defense(
    NAME,
    "mixup",
    "Each step sees weighted means of two images and their labels, so that none is seen alone; training takes "
    "longer, and segmentations blur.",
    "training",
    mix,
    "Zhang et al. 2018",
    MixupSettings,
    inside="mixed images need mixed labels, which the loss of train() may not take",
)
