"""How each metric answers to graded damage of the attacker's own scans: a cell without any attack."""

from functools import partial
from typing import Any

import numpy as np
import torch

from remnant.base.results import number
from remnant.base.run import Run
from remnant.base.seeds import Seeds
from remnant.measure.deformation import deformation_matrix
from remnant.measure.images import union_box
from remnant.measure.overlap import dice_matrix
from remnant.measure.response import response
from remnant.measure.similarity import MATRICES
from remnant.studies.subbanna2021.folds import read_fold
from remnant.studies.subbanna2021.scores import BOX_MARGIN, segment
from remnant.studies.subbanna2021.settings import StudySettings
from remnant.targets.checkpoint import load_checkpoint

# Patients whose scans are damaged: each level of each damage compares all of them with all.
PATIENTS = 6


def damage_cell(run: Run, target: str, settings: StudySettings) -> dict[str, Any]:
    """Damage the first scans of a few of the attacker's patients of fold 0; `target` is the checkpoint that segments them."""
    data = read_fold(run, 0)
    images = data.images[data.where("attacker", visit=1)[:PATIENTS]]
    originals = images[:, 0].numpy()
    box = union_box(originals, margin=BOX_MARGIN)
    scores = {
        metric: partial(MATRICES[metric].matrix, gallery=originals, box=box)
        for metric in settings.metrics
        if metric in MATRICES
    }
    if settings.deformation:
        spacing = settings.preparation.spacing_mm
        scores["deformation"] = partial(deformation_matrix, gallery=originals, spacing_mm=spacing)
    if "dice" in settings.metrics:
        model, classes = load_checkpoint(run.checkpoints / target), len(data.classes)
        undamaged = segment(model, images)

        def dice(damaged: np.ndarray) -> np.ndarray:
            return dice_matrix(segment(model, torch.from_numpy(damaged).unsqueeze(1)), undamaged, classes)

        scores["dice"] = dice
    random = Seeds(settings.seed).child("damage").numpy()
    rows = response(originals, settings.preparation.spacing_mm, scores, random)
    # So few patients have no intervals: NaN, which JSON cannot hold.
    intervals = ("auc_low", "auc_high", "own_low", "own_high")
    return {"response": [row | {name: number(row[name]) for name in intervals} for row in rows]}
