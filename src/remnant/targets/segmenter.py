"""Train the segmenter under audit on its members."""

from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
import pydantic
import torch
from torch import Tensor, nn
from torch.nn import functional

from remnant.base.config import Settings
from remnant.base.seeds import Seeds
from remnant.engine.device import as_batch
from remnant.engine.loop import EpochReport, FitSettings, fit
from remnant.engine.soft_dice import EVERYWHERE, one_hot, soft_dice
from remnant.nets.segmenter import Segmenter

Architecture = Literal["unet", "segnet"]


class SegmenterSettings(Settings):
    """The target: Subbanna's four levels of 16 to 128 filters, and how long it is trained."""

    widths: tuple[pydantic.PositiveInt, ...] = (16, 32, 64, 128)
    norm: Literal["batch", "none"] = "batch"
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


def train_segmenter(
    architecture: Architecture,
    images: Tensor,
    labels: Tensor,
    classes: int,
    settings: SegmenterSettings,
    seeds: Seeds,
    report: EpochReport,
) -> Segmenter:
    """A segmenter trained on members' `images` (n, 1, x, y, z) in [0, 1] and `labels` (n, x, y, z), class indices.

    `settings.batch` scans a step, in an order drawn anew each epoch; the loss is `segmentation_loss`.
    """
    order = seeds.child("order").numpy()
    torch.manual_seed(seeds.child("weights").integer)
    steps = -(-len(images) // settings.batch)

    def draw_epoch(epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
        # Batches of nearly equal size: a last batch of one scan would spoil batch normalisation and be slow.
        for chosen in np.array_split(order.permutation(len(images)), steps):
            batch = as_batch(images[chosen])
            yield batch, labels[chosen].to(batch.device)

    def loss(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
        return segmentation_loss(model(batch[0]), batch[1])

    model = settings.build(architecture, classes)
    fit(model, draw_epoch, steps, loss, settings.fit, report=report)
    return model


def segmentation_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Weighted cross-entropy plus one minus the mean soft Dice of the foreground classes.

    `logits` (n, classes, x, y, z), `labels` (n, x, y, z) class indices; a scalar. A class weighs by the inverse square
    root of its voxels in the batch: unweighted, the SegNet gave up deep grey matter, 2% of the voxels.
    """
    log_probability = functional.log_softmax(logits.float(), dim=1)
    truth = one_hot(labels, log_probability)
    voxels = truth.sum(EVERYWHERE)
    weight = (voxels + 1).rsqrt()
    cross_entropy = -(truth * log_probability).sum(EVERYWHERE) @ weight / (voxels @ weight)
    return cross_entropy + 1 - soft_dice(log_probability.exp(), truth, absent=0.0)[1:].mean()
