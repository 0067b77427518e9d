"""What a segmenter's answer says of its training: pure functions of one scan's logits and its truth, higher for a better fit."""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from remnant.targets.head import OutputHead

BORDER_VOXELS = 3  # along each axis, within which another class makes a voxel one near a border
# Foreground classes that are looked at one by one. Every one is a test more, and a miss of planted members tells less: with two
# numbers each and the borders these are seven, of which five planted among twelve still show that they are found.
MOST_CLASSES = 3


class OfClass(NamedTuple):
    """One foreground class of a scan: where the model `drawn` it, where it is in `truth`, both bool (*spatial), and the
    cross-entropy `loss` (*spatial) in nats."""

    drawn: Tensor
    truth: Tensor
    loss: Tensor

    @property
    def dice(self) -> float:
        """Of a class that neither holds 1, so that a scan without it does not stand out."""
        both = float(self.drawn.sum() + self.truth.sum())
        return 2 * float((self.drawn & self.truth).sum()) / both if both else 1.0

    @property
    def fit(self) -> float:
        """Minus the mean cross-entropy over the class, of a class that the scan lacks over the whole scan."""
        return -float((self.loss[self.truth] if self.truth.any() else self.loss).mean())


class PartFits(NamedTuple):
    """How well parts of one scan are fit: `border`, minus the cross-entropy in nats near borders; of each class that is looked at
    alone Dice, and minus its cross-entropy."""

    border: float
    dices: tuple[float, ...]
    fits: tuple[float, ...]


def classes_alone(head: OutputHead) -> tuple[int, ...]:
    """The foreground classes that are looked at one by one, as a label map numbers them: none where one is all there is, or where
    they are more than `MOST_CLASSES`."""
    first = 1 if head.kind == "softmax" else 0
    return tuple(range(first, head.outputs)) if 1 < head.outputs - first <= MOST_CLASSES else ()


def segmentation_signals(head: OutputHead, logits: Tensor, truth: Tensor) -> tuple[float, float]:
    """Dice and minus the cross-entropy in nats of one scan, means over the foreground classes that it holds.

    `logits` (outputs, *spatial); `truth` (*spatial) class indices, or (outputs, *spatial) of 0 and 1 for independent outputs. A
    scan without any foreground: Dice 1 where the segmentation has none either, else 0; the cross-entropy over all of it.
    """
    classes = _classes(head, logits, truth)
    overlaps = [one.dice for one in classes if one.drawn.any() or one.truth.any()]
    fits = [one.fit for one in classes if one.truth.any()] or [one.fit for one in classes]
    return float(np.mean(overlaps)) if overlaps else 1.0, float(np.mean(fits))


def part_fits(head: OutputHead, logits: Tensor, truth: Tensor) -> PartFits:
    """The same of parts of the scan, arguments as of `segmentation_signals`. Of a scan without a border all of it is taken."""
    classes = _classes(head, logits, truth)
    if head.kind == "softmax":
        fits = [_near_borders(classes[0].loss, truth)]
    else:
        near = [_near_borders(one.loss, one.truth) for one in classes if one.truth.any()]
        fits = near or [-float(one.loss.mean()) for one in classes]
    alone = classes if classes_alone(head) else []
    return PartFits(float(np.mean(fits)), tuple(one.dice for one in alone), tuple(one.fit for one in alone))


def segmentation_certainty(head: OutputHead, logits: Tensor) -> float:
    """Minus the mean entropy in nats of one scan's answer over what the model takes for foreground, or over all where it draws
    none: no truth is needed. `logits` (outputs, *spatial)."""
    if head.kind == "softmax":
        log_p = logits.log_softmax(0)
        entropy, drawn = -(log_p.exp() * log_p).sum(0), logits.argmax(0) > 0
    else:
        p = logits.sigmoid()
        entropy, drawn = functional.binary_cross_entropy_with_logits(logits, p, reduction="none"), logits > 0
    return -float((entropy[drawn] if drawn.any() else entropy).mean())


def _classes(head: OutputHead, logits: Tensor, truth: Tensor) -> list[OfClass]:
    """Every foreground class; of exclusive ones all have the loss of the voxel."""
    if head.kind == "softmax":
        loss = functional.cross_entropy(logits[None], truth.long()[None], reduction="none")[0]
        drawn = logits.argmax(0)
        return [OfClass(drawn == one, truth == one, loss) for one in range(1, head.outputs)]
    truth = truth.float()
    losses = functional.binary_cross_entropy_with_logits(logits, truth, reduction="none")
    return [OfClass(logits[one] > 0, truth[one] > 0.5, losses[one]) for one in range(head.outputs)]


def _near_borders(loss: Tensor, truth: Tensor) -> float:
    """Minus the mean `loss` over voxels within `BORDER_VOXELS` of another class of `truth`, both (*spatial)."""
    near = near_borders(truth)
    return -float((loss[near] if near.any() else loss).mean())


def near_borders(truth: Tensor) -> Tensor:
    """Where another class lies within `BORDER_VOXELS` along each axis, bool (*spatial), of class indices or of 0 and 1."""
    both = torch.stack([truth.float(), -truth.float()])
    for axis in range(1, both.dim()):
        line = both.movedim(axis, -1)
        highest = functional.max_pool1d(line.reshape(-1, 1, line.shape[-1]), 2 * BORDER_VOXELS + 1, 1, BORDER_VOXELS)
        both = highest.reshape(line.shape).movedim(-1, axis)
    # The highest class of the neighbourhood, and minus the lowest.
    return both.sum(0) > 0
