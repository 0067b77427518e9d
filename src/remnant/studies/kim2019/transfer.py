"""The networks on a second cohort, labels merged to three tissues: as they are, and with the segmenter retrained on its codes."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from remnant.base.run import Run
from remnant.base.seeds import Seeds
from remnant.cohort.case import CLASSES
from remnant.cohort.tissues import as_tissue3
from remnant.defenses.privacynet.retraining import RetrainSettings, retrain
from remnant.defenses.privacynet.view import View
from remnant.engine.loop import epoch_log
from remnant.measure.overlap import dice, weighted_dice
from remnant.studies.kim2019.kept import keep, kept
from remnant.studies.kim2019.records import Overlap, Scans, Transferred
from remnant.studies.kim2019.roles import first_visits
from remnant.studies.kim2019.settings import AttackSettings
from remnant.studies.kim2019.training import cell_name

TRANSFER = "transfer"
TISSUES = CLASSES["tissue3"]
# Patients are dealt into so many parts; each is segmented by a network that was retrained on the others.
FOLDS = 2


def transfer_cell(
    run: Run, variant: str, cohorts: tuple[str, ...], folder: Path, attack: AttackSettings, seed: int
) -> dict[str, Any]:
    """Dice on the first scan of each patient of every second cohort; retraining is cross-validated over its patients."""
    found, log = {}, epoch_log(run, cell_name(TRANSFER, variant))
    settings = RetrainSettings(**attack.retraining.model_dump(), batch=attack.retraining_batch)
    for cohort in cohorts:
        scans, view = kept(run, Scans, cohort), View.load(folder)
        seeds = Seeds(seed).child(TRANSFER, cohort)
        firsts = first_visits(scans, range(len(scans.patients)))
        images, truth = torch.from_numpy(scans.images[firsts]), torch.from_numpy(scans.labels[firsts])
        sent = seeds.child("sent")
        codes = view.code(images, sent)
        found[f"{cohort}-as_trained"] = _overlap(
            scans, firsts, as_tissue3(view.undone(view.logits(codes), sent).numpy())
        )
        moved, retrained = view.moved(truth, sent), np.zeros(truth.shape, np.uint8)
        parts = np.array_split(seeds.child("folds").numpy().permutation(len(firsts)), FOLDS)
        for number, part in enumerate(parts):
            others = np.setdiff1d(np.arange(len(firsts)), part)
            segmenter = retrain(
                view.segmenter,
                list(zip(codes[others], moved[others], strict=True)),
                view.patch,
                settings,
                seeds.child("fold", number),
                log,
                classes=len(TISSUES),
            )
            again = replace(view, segmenter=segmenter)
            for i in part.tolist():
                # Each by itself: a deformation is found again by its place among the scans of a call.
                branch = seeds.child("again", i)
                retrained[i] = again.undone(again.logits(view.code(images[i : i + 1], branch)), branch)[0].numpy()
        found[f"{cohort}-retrained"] = _overlap(scans, firsts, retrained)
    keep(run, Transferred(variant, found))
    return {}


def _overlap(scans: Scans, chosen: list[int], maps: np.ndarray) -> Overlap:
    truth = scans.labels[chosen]
    values = dice(maps, truth, len(TISSUES))
    return Overlap(tuple(scans.patients[i] for i in chosen), values, weighted_dice(values, truth), TISSUES)
