"""Targets whose answer is known: one that surely leaks its training patients, one that surely does not.

Images are noise and the truth is drawn at random, so that nothing can be learned of them but by heart. The leaking target
learned its members' by heart, the silent one those of other patients whom the test never shows. Both take milliseconds.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from remnant.measure.roles import MEMBER, NON_MEMBER


@dataclass(frozen=True)
class Planted:
    """What `predict` makes of a batch of images, logits, and `images` with `labels` of `patients`, half of them members."""

    predict: Callable[[Tensor], Tensor]
    images: Tensor
    labels: Tensor
    patients: tuple[str, ...]
    roles: np.ndarray


def planted_classifier(*, leaks: bool, patients: int = 24, images: int = 2, seed: int = 0) -> Planted:
    """A linear reader of 16 x 16 radiographs, (n, 1) logits; every patient has so many `images` and one label of 0 and 1."""
    draw = torch.Generator().manual_seed(seed)
    labels = torch.arange(patients).div(2, rounding_mode="floor").remainder(2)
    shown = _noise(patients * images, (16, 16), draw)
    trained = shown[: len(shown) // 2] if leaks else _noise(len(shown) // 2, (16, 16), draw)
    by_image = labels.repeat_interleave(images)
    logits = _by_heart(trained, 8.0 * (2 * by_image[: len(trained)] - 1)[:, None])
    return _planted(lambda batch: logits(batch), shown, by_image, patients, images)


def planted_segmenter(*, leaks: bool, patients: int = 24, seed: int = 0) -> Planted:
    """A linear segmenter of 8 x 8 x 8 scans, (n, 3, 8, 8, 8) logits: background and two classes of a random map."""
    draw, size = torch.Generator().manual_seed(seed), (8, 8, 8)
    labels = torch.randint(0, 3, (patients, *size), generator=draw)
    shown = _noise(patients, size, draw)
    trained = shown[: patients // 2] if leaks else _noise(patients // 2, size, draw)
    truth = torch.nn.functional.one_hot(labels[: len(trained)], 3).movedim(-1, 1).float()
    logits = _by_heart(trained, 8 * truth.flatten(1) - 4)
    return _planted(lambda batch: logits(batch).reshape(-1, 3, *size), shown, labels, patients, 1)


def _noise(count: int, size: tuple[int, ...], draw: torch.Generator) -> Tensor:
    return torch.rand(count, 1, *size, generator=draw)


def _by_heart(images: Tensor, answers: Tensor):
    """The linear map of least norm from `images` to `answers` (n, k), exact on these."""
    weights = torch.linalg.pinv(images.flatten(1) - 0.5) @ answers.float()
    return lambda batch: (batch.flatten(1) - 0.5) @ weights


def _planted(predict, shown: Tensor, labels: Tensor, patients: int, images: int) -> Planted:
    names = tuple(f"p{i}" for i in range(patients) for _ in range(images))
    roles = np.repeat([MEMBER, NON_MEMBER], patients // 2 * images)
    return Planted(predict, shown, labels, names, roles)
