"""Checks of the radiographs that a network is trained on, and of whose they are."""

from collections.abc import Collection, Hashable, Iterable

import numpy as np
import torch
from torch import Tensor

from remnant.base.errors import RemnantError
from remnant.base.texts import counted


def check_images(images: Tensor, what: str) -> None:
    """Raise `RemnantError` unless `images` are float32 (n, 1, N, N) in [0, 1], two or more; `what` they are for, in words."""
    shape = tuple(images.shape)
    if images.dtype != torch.float32 or len(shape) != 4 or shape[1] != 1 or shape[2] != shape[3]:
        raise RemnantError(f"The {what} images must be float32 (n, 1, N, N). Got {images.dtype} {shape} instead.")
    if len(images) < 2:
        raise RemnantError(f"There must be at least two {what} images. Got {len(images)} instead.")
    low, high = float(images.min()), float(images.max())
    # A value that is no number makes both of them none.
    if not 0 <= low <= high <= 1:
        raise RemnantError(f"The {what} images must be in [0, 1]. Got values from {low} to {high} instead.")


def check_disjoint(training: Collection[str], validation: Collection[str]) -> None:
    """Raise `RemnantError` when a patient is in both groups; nobody is named."""
    both = set(training) & set(validation)
    if both:
        raise RemnantError(
            f"{counted(len(both), 'patient is', 'patients are')} in the training and in the validation group, whose "
            "figures would then flatter; split by patient."
        )


def places_of(patients: Iterable[Hashable]) -> list[np.ndarray]:
    """The places of each patient's images, patients in the order of their first."""
    found: dict[Hashable, list[int]] = {}
    for place, patient in enumerate(patients):
        found.setdefault(patient, []).append(place)
    return [np.array(places) for places in found.values()]
