"""What a cell measures of its reconstructions: similarity matrices against the gallery, and overlaps."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from remnant.cohort.images import Images
from remnant.engine.device import in_batches
from remnant.measure.images import union_box
from remnant.measure.overlap import dice, dice_matrix
from remnant.measure.similarity import MATRICES
from remnant.nets.segmenter import Segmenter
from remnant.studies.subbanna2021.folds import brains

# Half an SSIM window around the heads, so that every voxel of a head is the centre of a window.
BOX_MARGIN = 5


def similarities(
    data: Images, drawn: Tensor, target: Segmenter, metrics: tuple[str, ...], *, skull: bool
) -> dict[str, Any]:
    """Matrices of the reconstructions `drawn` (n, 1, x, y, z), and rows of the attacker's mean image, against every scan.

    Dice is that of the `target`'s segmentation with everybody's manual labels. With `skull`, SSIM is also taken over the
    brain and over the rest alone. Returns `similarity` and `mean_image` by metric, and `measures`, each metric in words.
    """
    gallery, reconstructions = data.images[:, 0].numpy(), drawn[:, 0].numpy()
    mean = data.images[data.where("attacker")].mean(0, keepdim=True)
    mean_image = mean[0].numpy()
    found: dict[str, Any] = {"similarity": {}, "mean_image": {}, "measures": {}}
    regions = [("", "", np.ones((), np.float32))]
    if skull:
        # One region for everybody, of the attacker's patients: a patient's own mask would give the patient away.
        inside = brains(data.labels)[data.where("attacker")].any(0).astype(np.float32)
        regions += [
            ("_brain", ", all but the brain set to 0", inside),
            ("_outside", ", the brain set to 0", 1 - inside),
        ]
    for suffix, where, region in regions:
        part = gallery * region
        box = union_box(part, margin=BOX_MARGIN)
        for metric in ["ssim"] if suffix else [name for name in metrics if name in MATRICES]:
            kind = MATRICES[metric]
            found["similarity"][metric + suffix] = kind.matrix(reconstructions * region, part, box=box).tolist()
            found["mean_image"][metric + suffix] = kind.matrix(mean_image * region, part, box=box)[0].tolist()
            found["measures"][metric + suffix] = kind.describe(gallery.shape[1:], box) + where
    if "dice" in metrics:
        manual, classes = data.labels.numpy(), len(data.classes)
        found["similarity"]["dice"] = dice_matrix(segment(target, drawn), manual, classes).tolist()
        found["mean_image"]["dice"] = dice_matrix(segment(target, mean), manual, classes)[0].tolist()
        found["measures"]["dice"] = "Dice, mean over the classes, of the target's segmentation with manual labels"
    return found


def overlaps(
    data: Images, attacked: list[int], drawn: Tensor, target: Segmenter
) -> dict[str, list[list[float | None]]]:
    """Dice per scan and class: the target's segmentation of the original and of the reconstruction."""
    classes = len(data.classes)
    manual = data.labels[attacked].numpy()
    of_original = segment(target, data.images[attacked])
    of_drawn = segment(target, drawn)
    pairs = {
        "original": (of_original, manual),
        "reconstruction": (of_drawn, manual),
        "reconstruction_vs_original": (of_drawn, of_original),
    }
    return {
        image: [[None if np.isnan(value) else value for value in row] for row in dice(a, b, classes).tolist()]
        for image, (a, b) in pairs.items()
    }


def segment(target: Segmenter, images: Tensor) -> np.ndarray:
    """Class indices uint8 (n, x, y, z) that the target gives `images` (n, 1, x, y, z)."""
    return torch.cat([target.segment(batch).cpu() for batch in in_batches(images)]).numpy()
