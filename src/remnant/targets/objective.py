"""The loss that a network of unknown origin was most likely trained by, differentiable, an image at a time."""

import torch
from torch import Tensor
from torch.nn import functional

from remnant.cohort.images import Label
from remnant.targets.audited import Audited


def image_loss(target: Audited, image: Tensor, label: Label) -> Tensor:
    """The owner's loss where there is one; else cross-entropy of the answer to `image` (channels, *spatial), in nats.

    Mean over outputs that are known and over voxels. A scalar, differentiable in the weights.
    """
    batch = image[None].to(target.device)
    if target.loss is not None:
        return target.loss(target.module, batch, label)
    logits = target.head.logits(target.forward(batch))
    if target.head.kind == "softmax":
        truth = torch.as_tensor(label, device=logits.device).long()[None]
        return functional.cross_entropy(logits, truth)
    truth = torch.as_tensor(label, device=logits.device, dtype=logits.dtype)[None].reshape(logits.shape)
    known = torch.isfinite(truth)
    return functional.binary_cross_entropy_with_logits(logits[known], truth[known])


def training_loss(target: Audited, image: Tensor, label: Label) -> Tensor:
    """What a copy of the target is trained on by: `image_loss`, where the target has no `training` of its own."""
    if target.training is None:
        return image_loss(target, image, label)
    return target.training(target.module, image, label)
