"""Train the segmenter under audit on its members."""

from collections.abc import Iterator, Sequence
from typing import Any, Literal

import numpy as np
import pydantic
import torch
from torch import Tensor, nn
from torch.nn import functional

from remnant.base.config import Settings
from remnant.base.errors import RemnantError
from remnant.base.seeds import Seeds
from remnant.engine.device import as_batch
from remnant.engine.loop import EpochReport, FitSettings, fit
from remnant.engine.soft_dice import EVERYWHERE, one_hot, soft_dice
from remnant.nets.segmenter import Segmenter
from remnant.targets.recipes import Batch, Recipe

Architecture = Literal["unet", "segnet"]


class SegmenterSettings(Settings):
    """The target: Subbanna's four levels of 16 to 128 filters, and how long it is trained."""

    widths: tuple[pydantic.PositiveInt, ...] = (16, 32, 64, 128)
    norm: Literal["batch", "group", "none"] = "batch"
    unpool: Literal["none", "indices"] = "none"
    batch: int = pydantic.Field(default=2, ge=1)
    fit: FitSettings = FitSettings(epochs=60, learning_rate=3e-3)

    def arguments(self, architecture: Architecture, classes: int) -> dict[str, Any]:
        """What builds the network, for its checkpoint."""
        settings = {"widths": self.widths, "norm": self.norm, "unpool": self.unpool}
        return {"architecture": architecture, "classes": classes, **settings}

    def build(self, architecture: Architecture, classes: int) -> Segmenter:
        """The untrained network; its weights come from torch's global generator."""
        return Segmenter(**self.arguments(architecture, classes))

    def recipe(self, architecture: Architecture, classes: int) -> Recipe:
        """The training before any defence."""
        return Recipe("segmenter", self.arguments(architecture, classes), self.fit)


def train_segmenter(
    architecture: Architecture,
    images: Tensor,
    labels: Tensor,
    classes: int,
    settings: SegmenterSettings,
    seeds: Seeds,
    report: EpochReport,
    *,
    recipe: Recipe | None = None,
    patients: Sequence[str] | None = None,
    validation: tuple[Tensor, Tensor] | None = None,
) -> Segmenter:
    """A segmenter trained on members' `images` (n, 1, x, y, z) in [0, 1] and `labels` (n, x, y, z), class indices.

    `settings.batch` scans a step, in an order drawn anew each epoch; the loss is `segmentation_loss`. The weights come from
    torch's global generator. `recipe`: that of the settings, or what defences made of it. `patients`: whose each scan is, by
    default another one's. `validation`: images and labels of other patients, by whose loss a recipe that stops early chooses
    its epoch; raises `RemnantError` where it has none.
    """
    recipe = recipe or settings.recipe(architecture, classes)
    if recipe.stopping and validation is None:
        raise RemnantError("A segmenter that stops early needs validation patients, who choose when; hand some over.")
    order, change = seeds.child("order").numpy(), recipe.change_of_batches(seeds)
    torch.manual_seed(seeds.child("weights").integer)
    steps = -(-len(images) // settings.batch)
    stopping = recipe.stopping() if recipe.stopping else None
    private, own = recipe.private_steps(patients or range(len(images)), settings.batch, seeds) or (None, [])

    def batch_of(chosen: np.ndarray) -> Batch:
        batch = Batch(as_batch(images[chosen]), labels[chosen])
        batch = batch._replace(truth=batch.truth.to(batch.images.device))
        return change(_with_shares(batch, classes)) if recipe.changes else batch

    def draw_epoch(epoch: int) -> Iterator[Any]:
        if private:
            for _ in range(steps):
                yield [batch_of(own[place]) for place in private.draw()]
            return
        # Batches of nearly equal size: a last batch of one scan would spoil batch normalisation and be slow.
        for chosen in np.array_split(order.permutation(len(images)), steps):
            yield batch_of(chosen)

    def loss(model: nn.Module, batch: Batch) -> Tensor:
        return segmentation_loss(model(batch.images), batch.truth)

    def after_epoch(epoch: int, mean: float, value: float | None) -> None:
        if stopping and validation:
            value = _validation_loss(model, *validation)
            stopping.look(model, value)
        report(epoch, mean, value)

    model = Segmenter(**recipe.arguments)
    fit(
        model,
        draw_epoch,
        steps,
        loss,
        recipe.fit,
        learn=private.learn if private else None,
        report=after_epoch,
        stop=lambda losses: bool(stopping and stopping.due()),
    )
    if stopping:
        stopping.restore(model)
    return model


def _with_shares(batch: Batch, classes: int) -> Batch:
    """The batch with a channel a class of 0 and 1 in place of the labels (n, x, y, z)."""
    shape = (len(batch.images), classes, *batch.images.shape[2:])
    return batch._replace(truth=one_hot(batch.truth, torch.empty(shape, device=batch.images.device)))


@torch.no_grad()
def _validation_loss(model: nn.Module, images: Tensor, labels: Tensor) -> float:
    """Mean `segmentation_loss` over scans, one at a time, in evaluation mode, in which the model is left."""
    model.eval()
    losses = []
    for image, truth in zip(images, labels, strict=True):
        batch = as_batch(image[None])
        losses.append(segmentation_loss(model(batch), truth[None].to(batch.device)).item())
    return sum(losses) / len(losses)


def segmentation_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Weighted cross-entropy plus one minus the mean soft Dice of the foreground classes.

    `logits` (n, classes, x, y, z), `labels` (n, x, y, z) class indices or shares of the classes in the shape of `logits`; a
    scalar. A class weighs by the inverse square root of its voxels in the batch: unweighted, the SegNet gave up deep grey matter,
    2% of the voxels.
    """
    log_probability = functional.log_softmax(logits.float(), dim=1)
    truth = labels if labels.dim() == logits.dim() else one_hot(labels, log_probability)
    voxels = truth.sum(EVERYWHERE)
    weight = (voxels + 1).rsqrt()
    cross_entropy = -(truth * log_probability).sum(EVERYWHERE) @ weight / (voxels @ weight)
    return cross_entropy + 1 - soft_dice(log_probability.exp(), truth, absent=0.0)[1:].mean()
