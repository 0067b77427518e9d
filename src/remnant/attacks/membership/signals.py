"""What a model's output says of its training: pure functions of logits and truth, higher for more member-like.

All are a threshold attack's (Yeom et al. 2018, arXiv 1709.01604): training lowers the loss of what was trained on.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from remnant.base.errors import RemnantError


def signed_margin(logits: Tensor, labels: np.ndarray) -> np.ndarray:
    """log(p / (1 - p)) of the true class, float64 (n,), from `logits` (n, classes).

    `labels` (n,) are class indices where there are several classes (softmax: the true logit minus the log of the others' sum
    of exponentials), 0 and 1 where there is one logit (its sign is turned for 0). `labels` (n, classes) of 0, 1 and NaN for
    unknown are those of a multi-label model: the mean over its known outputs. Raises `RemnantError` for labels that do not fit.
    """
    logits, labels = logits.double(), np.asarray(labels, dtype=float)
    if labels.ndim == 1 and logits.shape[1] == 1:
        labels = labels[:, None]
    if labels.ndim == 2:
        known = np.isfinite(labels)
        if labels.shape != tuple(logits.shape) or not known.any(1).all() or not np.isin(labels[known], (0, 1)).all():
            raise RemnantError(
                f"Labels of {logits.shape[1]} outputs must be 0, 1 or unknown, one at least known an image. "
                f"Got shape {labels.shape} with the values {np.unique(labels[known])[:5].tolist()} instead."
            )
        signs = np.where(known, 2 * labels - 1, 0)
        return (signs * logits.numpy()).sum(1) / known.sum(1)
    if labels.shape != logits.shape[:1] or not np.isin(labels, range(logits.shape[1])).all():
        raise RemnantError(
            f"Labels must be class indices from 0 to {logits.shape[1] - 1}, one an image. "
            f"Got shape {labels.shape} with the values {np.unique(labels)[:5].tolist()} instead."
        )
    true = torch.from_numpy(labels).long()[:, None]
    others = logits.scatter(1, true, -torch.inf).logsumexp(1)
    return (logits.gather(1, true)[:, 0] - others).numpy()


def signed_margins(answers: Iterable[tuple[int, Tensor]], labels: Sequence[Any]) -> np.ndarray:
    """`signed_margin` of every image, float64 (n,): `answers` are the place and the logits (classes,) of each, in any order, and
    `labels` (n) the class of each, or the labels of its outputs."""
    places, logits = zip(*answers, strict=True)
    found = np.full(len(labels), np.nan)
    found[list(places)] = signed_margin(torch.stack(logits), np.array([labels[place] for place in places]))
    return found


def confidence(logits: Tensor) -> np.ndarray:
    """The margin of the likelier answer, float64 (n,), from `logits` (n, classes): no label is needed.

    One logit, or several of a multi-label model taken alone, would each be sure of its sign: with one logit that is its size;
    with several the model is taken for one of exclusive classes.
    """
    if logits.shape[1] == 1:
        return logits.double().abs()[:, 0].numpy()
    return signed_margin(logits, logits.argmax(1).numpy())


def shifts(axes: int) -> Iterator[Callable[[Tensor], Tensor]]:
    """Small changes under which the truth stays: in 2D the image and its eight shifts by a pixel in 64, in 3D one voxel an axis.

    Each maps (n, *, *spatial), images or label maps with `axes` spatial axes, to the like; what comes in from outside repeats the
    border. No mirroring: anatomy has a left side.
    """
    places = [(x, y) for x in (0, -1, 1) for y in (0, -1, 1)] if axes == 2 else [(0,) * axes, *np.eye(axes, dtype=int)]
    for place in places:
        yield lambda images, place=place: _shifted(images, place)


def _shifted(images: Tensor, place: tuple[int, ...]) -> Tensor:
    for axis, steps in enumerate(place, start=images.dim() - len(place)):
        if steps:
            side = images.shape[axis]
            far = max(1, round(side / 64)) if len(place) == 2 else 1
            images = images.index_select(axis, (torch.arange(side) - int(steps) * far).clamp(0, side - 1))
    return images
