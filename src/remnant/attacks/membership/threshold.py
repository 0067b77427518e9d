"""Tier 0 of membership inference: a threshold on the model's own output for a patient's images (Yeom et al. 2018).

A patient's score is the mean over the images and never the maximum, so that who has more images has no more chances.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd
from torch import Tensor

from remnant.attacks.claims import PatientScores
from remnant.attacks.membership.signals import (
    segmentation_cross_entropy,
    segmentation_dice,
    shifts,
    signed_margin,
)
from remnant.base.errors import RemnantError
from remnant.targets.access import Outputs

BATCH = 2  # scans that pass at a time, as `engine.device.in_batches`


def classify(
    access: Outputs, images: Tensor, labels: np.ndarray, patients: Sequence[str], roles: np.ndarray
) -> list[PatientScores]:
    """Membership scores from a classifier's outputs for `images` (n, 1, h, w) in [0, 1] of `patients` (n,) with `roles` (n,).

    `labels` as `signed_margin` takes them. "margin" of the image as it is, "margin_shifted", the mean over nine places, and
    "correct", the gap attack (1 for a right answer).
    """
    places = [signed_margin(access.predict(change(images)), labels) for change in shifts(2)]
    found = {"margin": places[0], "margin_shifted": np.mean(places, axis=0)}
    return by_patient(found | {"correct": (places[0] > 0).astype(float)}, patients, roles)


def segment(
    access: Outputs, images: Tensor, labels: Tensor, patients: Sequence[str], roles: np.ndarray
) -> list[PatientScores]:
    """Membership scores from a segmenter's outputs for scans `images` (n, 1, x, y, z) and their `labels` (n, x, y, z).

    "dice" and "cross_entropy" of the scan as it is, and "dice_shifted" and "cross_entropy_shifted", means over four places.
    """
    measures: dict[str, Callable[[Tensor, Tensor], np.ndarray]] = {
        "dice": segmentation_dice,
        "cross_entropy": segmentation_cross_entropy,
    }
    found: dict[str, list[np.ndarray]] = {name: [] for name in measures}
    for batch, truth in zip(images.split(BATCH), labels.split(BATCH), strict=True):
        seen = [(access.predict(change(batch)), change(truth)) for change in shifts(3)]
        for name, measure in measures.items():
            found[name].append(np.stack([measure(logits, moved) for logits, moved in seen]))
    places = {name: np.concatenate(parts, axis=1) for name, parts in found.items()}
    alone = {name: values[0] for name, values in places.items()}
    return by_patient(alone | {f"{name}_shifted": values.mean(0) for name, values in places.items()}, patients, roles)


def by_patient(signals: Mapping[str, np.ndarray], patients: Sequence[str], roles: np.ndarray) -> list[PatientScores]:
    """A patient's mean of each signal (n,) over his images, in the order of their first image.

    Raises `RemnantError` for a patient with images in two roles.
    """
    table = pd.DataFrame({"patient": list(patients), "role": np.asarray(roles), **signals})
    grouped = table.groupby("patient", sort=False)
    if (twice := grouped["role"].nunique() > 1).any():
        raise RemnantError(
            f"The patient {twice.idxmax()!r} has images in two roles; give all images of a patient one role."
        )
    means, role = grouped[list(signals)].mean(), grouped["role"].first().to_numpy()
    return [PatientScores(name, tuple(means.index), means[name].to_numpy(float), role) for name in signals]
