"""The networks on a second cohort, labels merged to three tissues: as they are, and with the segmenter retrained on its codes."""

import copy
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from remnant.base.run import Run
from remnant.base.seeds import Seeds
from remnant.cohort.case import CLASSES
from remnant.cohort.pairs import cut_patch, draw_corners
from remnant.cohort.tissues import as_tissue3
from remnant.defenses.privacynet.losses import every_class_loss
from remnant.defenses.privacynet.view import View
from remnant.engine.device import as_batch, fabric
from remnant.engine.loop import EpochReport, FitSettings, fit
from remnant.measure.overlap import dice, weighted_dice
from remnant.studies.kim2019.attacking import epoch_log
from remnant.studies.kim2019.kept import keep, kept
from remnant.studies.kim2019.records import Overlap, Scans, Transferred
from remnant.studies.kim2019.roles import first_visits
from remnant.studies.kim2019.settings import AttackSettings
from remnant.studies.kim2019.training import cell_name

TRANSFER = "transfer"
TISSUES = CLASSES["tissue3"]
# Patients are dealt into so many parts; each is segmented by a network that was retrained on the others.
FOLDS = 2
STEPS_AN_EPOCH = 20


def transfer_cell(
    run: Run, variant: str, cohorts: tuple[str, ...], folder: Path, attack: AttackSettings, seed: int
) -> dict[str, Any]:
    """Dice on the first scan of each patient of every second cohort; retraining is cross-validated over its patients."""
    found, log = {}, epoch_log(run, cell_name(TRANSFER, variant))
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
                view.segmenter, codes[others], moved[others], view.patch, attack, seeds.child("fold", number), log
            )
            again = replace(view, segmenter=segmenter)
            for i in part.tolist():
                # Each by itself: a deformation is found again by its place among the scans of a call.
                branch = seeds.child("again", i)
                retrained[i] = again.undone(again.logits(view.code(images[i : i + 1], branch)), branch)[0].numpy()
        found[f"{cohort}-retrained"] = _overlap(scans, firsts, retrained)
    keep(run, Transferred(variant, found))
    return {}


def retrain(
    segmenter: nn.Module,
    codes: Tensor,
    labels: Tensor,
    patch: int,
    attack: AttackSettings,
    seeds: Seeds,
    report: EpochReport,
) -> nn.Module:
    """A copy of the segmenter with the classes of tissue3, trained on `codes` (n, 1, x, y, z) and `labels` of them."""
    torch.manual_seed(seeds.child("weights").integer)
    model = copy.deepcopy(segmenter).requires_grad_(True)
    model.out = nn.Conv3d(model.out.in_channels, len(TISSUES), 1)

    steps = min(STEPS_AN_EPOCH, attack.retraining.steps)

    def draw(epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
        for step in range(steps):
            branch = seeds.child("step", epoch, step)
            chosen = branch.child("scans").numpy().integers(len(codes), size=attack.retraining_batch)
            corners = draw_corners(codes.shape[2:], patch, len(chosen), seeds=branch)
            cut = [
                torch.stack([cut_patch(volumes[i], corner, patch) for i, corner in zip(chosen, corners, strict=True)])
                for volumes in (codes, labels)
            ]
            yield as_batch(cut[0]), cut[1].to(fabric().device)

    def loss(model: nn.Module, drawn: tuple[Tensor, Tensor]) -> Tensor:
        return every_class_loss(model(drawn[0]), drawn[1])

    epochs = -(-attack.retraining.steps // steps)
    settings = FitSettings(epochs=epochs, learning_rate=attack.retraining.learning_rate)
    return fit(model, draw, steps, loss, settings, report=report)


def _overlap(scans: Scans, chosen: list[int], maps: np.ndarray) -> Overlap:
    truth = scans.labels[chosen]
    values = dice(maps, truth, len(TISSUES))
    return Overlap(tuple(scans.patients[i] for i in chosen), values, weighted_dice(values, truth), TISSUES)
