"""The Dice of probabilities, which has a gradient: what losses of segmentations are made of."""

import torch
from torch import Tensor

EVERYWHERE = (0, 2, 3, 4)  # all axes but that of classes


def one_hot(labels: Tensor, like: Tensor) -> Tensor:
    """`labels` (n, x, y, z), class indices, as float32 of the shape of `like` (n, classes, x, y, z)."""
    return torch.zeros_like(like, dtype=torch.float32).scatter_(1, labels.long().unsqueeze(1), 1.0)


def soft_dice(probability: Tensor, truth: Tensor, axes: tuple[int, ...] = EVERYWHERE, *, absent: float = 1.0) -> Tensor:
    """2 sum(y p) / (sum y + sum p) over `axes`, in [0, 1], of two tensors (n, classes, x, y, z).

    One voxel is added to the denominator, for a class that a batch lacks, and so many to the numerator: what such a class that is
    not drawn either comes to.
    """
    overlap = (probability * truth).sum(axes)
    return (2 * overlap + absent) / (probability.sum(axes) + truth.sum(axes) + 1)
