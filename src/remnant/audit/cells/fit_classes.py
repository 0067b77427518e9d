"""How well a segmenter's classes fit its labels: against a constant answer, and with two classes exchanged."""

import itertools
from collections.abc import Iterable, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

CLEARLY = 0.9  # of the loss, below which exchanged classes fit better


def class_losses(logits: Tensor, label: Tensor, kind: str) -> tuple[np.ndarray, np.ndarray]:
    """Of one image: the summed cross-entropy in nats of the true class c under the label d, over the number of voxels known,
    (classes, classes), and the share of each class, (classes,).

    `logits` (classes, *spatial) of a head of this `kind`. Of a sigmoid a channel is a class; on the diagonal alone all of it
    counts, and its share is that of ones.
    """
    answers = logits.detach().double().cpu().flatten(1)
    classes = len(answers)
    if kind == "softmax":
        truth = label.cpu().flatten().long()
        known = (truth >= 0) & (truth < classes)
        is_class = functional.one_hot(truth[known], classes).double()
        each = -functional.log_softmax(answers[:, known], dim=0)
        return ((each @ is_class).T / max(1, int(known.sum()))).numpy(), is_class.mean(0).numpy()
    truth = label.cpu().double().reshape(classes, -1)
    losses, shares = np.zeros((classes, classes)), np.zeros(classes)
    for c, d in itertools.product(range(classes), repeat=2):
        known = torch.isfinite(truth[c])
        if known.any():
            losses[c, d] = functional.binary_cross_entropy_with_logits(answers[d, known], truth[c, known]) / classes
            shares[c] = truth[c, known].mean()
    return losses, shares


def constant_loss(shares: np.ndarray, kind: str) -> float:
    """The least mean cross-entropy in nats of any answer that is the same everywhere, where classes have these `shares`."""
    if kind == "softmax":
        return _entropy(shares)
    return float(np.mean([_entropy(np.array([one, 1 - one])) for one in shares]))


def exchanged_classes(losses: np.ndarray) -> tuple[int, int, float] | None:
    """Which two classes exchanged lower the mean of `losses` (classes, classes) most, and to what; None where none do clearly.

    Each of the two must fit the other's label better: of a class that is only seldom found, or seldom there, nothing is said.
    """
    own = float(np.trace(losses))
    found = [
        (a, b, own - losses[a, a] - losses[b, b] + losses[a, b] + losses[b, a])
        for a, b in itertools.combinations(range(len(losses)), 2)
        if losses[a, b] < losses[a, a] and losses[b, a] < losses[b, b]
    ]
    best = min(found, key=lambda one: one[2], default=None)
    return (best[0], best[1], float(best[2])) if best and best[2] <= CLEARLY * own else None


def alike_weighed(losses: np.ndarray, shares: np.ndarray) -> tuple[float, float]:
    """The mean cross-entropy where each class that there is weighs the same, as a training may weigh them, and the least of any
    answer that is the same everywhere; of a softmax."""
    there = shares > 0
    return float((np.diag(losses)[there] / shares[there]).mean()), float(np.log(there.sum()))


def means(found: Iterable[tuple[np.ndarray, np.ndarray]]) -> Sequence[np.ndarray]:
    """Mean losses and shares over images."""
    return [np.mean(parts, axis=0) for parts in zip(*found, strict=True)]


def _entropy(shares: np.ndarray) -> float:
    there = shares[shares > 0]
    return float(-(there * np.log(there)).sum())
