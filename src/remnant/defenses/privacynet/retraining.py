"""The segmenter trained on, on codes that others made: Kim 2019's distributed learning, in which no scan leaves a hospital."""

import copy
from collections.abc import Iterator, Sequence

import pydantic
import torch
from torch import Tensor, nn

from remnant.base.config import Settings
from remnant.base.seeds import Seeds
from remnant.cohort.pairs import cut_patch, draw_corners
from remnant.defenses.privacynet.losses import every_class_loss
from remnant.engine.device import as_batch, fabric
from remnant.engine.loop import EpochReport, FitSettings, fit

STEPS_AN_EPOCH = 20


class RetrainSettings(Settings):
    """`steps` of `batch` patches each."""

    steps: int = pydantic.Field(default=300, ge=1)
    learning_rate: float = pydantic.Field(default=1e-3, gt=0)
    batch: int = pydantic.Field(default=4, ge=1)


def retrain(
    segmenter: nn.Module,
    pairs: Sequence[tuple[Tensor, Tensor]],
    patch: int,
    settings: RetrainSettings,
    seeds: Seeds,
    report: EpochReport,
    *,
    classes: int | None = None,
) -> nn.Module:
    """A copy of the segmenter, trained on with `pairs` of codes (1, x, y, z) in [0, 1] and their label maps (x, y, z), in
    windows of `patch` voxels a side.

    `classes`: so many new ones, whose layer begins anew; by default its own go on. Each step asks for its
    pairs anew, so that they may lie on a disk.
    """
    torch.manual_seed(seeds.child("weights").integer)
    model = copy.deepcopy(segmenter).requires_grad_(True)
    if classes is not None:
        model.out = nn.Conv3d(model.out.in_channels, classes, 1)

    steps, shape = min(STEPS_AN_EPOCH, settings.steps), pairs[0][0].shape[1:]

    def draw(epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
        for step in range(steps):
            branch = seeds.child("step", epoch, step)
            chosen = branch.child("scans").numpy().integers(len(pairs), size=settings.batch)
            corners = draw_corners(shape, patch, len(chosen), seeds=branch)
            drawn = [pairs[i] for i in chosen.tolist()]
            codes, labels = (
                torch.stack([cut_patch(one[part], corner, patch) for one, corner in zip(drawn, corners, strict=True)])
                for part in (0, 1)
            )
            yield as_batch(codes), labels.to(fabric().device)

    def loss(model: nn.Module, drawn: tuple[Tensor, Tensor]) -> Tensor:
        return every_class_loss(model(drawn[0]), drawn[1])

    epochs = epochs_of(settings)
    return fit(
        model, draw, steps, loss, FitSettings(epochs=epochs, learning_rate=settings.learning_rate), report=report
    )


def epochs_of(settings: RetrainSettings) -> int:
    """How often `retrain` reports."""
    return -(-settings.steps // min(STEPS_AN_EPOCH, settings.steps))
