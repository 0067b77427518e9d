"""Scans of people who never lived, as networks take them, for benchmarks that need no cohort on disk."""

from typing import Literal

import numpy as np
import torch
from torch import Tensor

from remnant.cohort.case import CLASSES
from remnant.cohort.phantoms import STRUCTURES, BrainPhantoms


def phantom_scans(
    patients: int, side: int, seed: int, scheme: Literal["lpba3", "tissue5"], sessions: int = 1
) -> tuple[Tensor, Tensor]:
    """Images (n, 1, side, side, side) in [0, 1] and class indices (n, side, side, side), all sessions of a patient in a row."""
    index = np.zeros(max(structure.index for structure in STRUCTURES) + 1, np.uint8)
    for structure in STRUCTURES:
        index[structure.index] = CLASSES[scheme].index(getattr(structure, scheme))
    cohort = BrainPhantoms(patients=patients, sessions=sessions, side=side, seed=seed)
    scans = [cohort.scan(patient, session) for patient in range(patients) for session in range(sessions)]
    images = np.stack([np.clip(scan.image / np.percentile(scan.image[scan.image > 0], 99.5), 0, 1) for scan in scans])
    labels = np.stack([index[scan.labels] for scan in scans])
    return torch.from_numpy(images.astype(np.float32))[:, None], torch.from_numpy(labels)
