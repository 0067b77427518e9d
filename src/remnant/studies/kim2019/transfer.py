"""The networks on a second cohort, labels merged to three tissues: as they are, and with the segmenter retrained on its codes."""

from pathlib import Path
from typing import Any

import torch

from remnant.base.run import Run
from remnant.base.seeds import Seeds
from remnant.cohort.scans import Scans, first_visits
from remnant.defenses.privacynet.retraining import RetrainSettings
from remnant.defenses.privacynet.view import View
from remnant.defenses.privacynet.worth import TISSUES, elsewhere
from remnant.engine.loop import epoch_log
from remnant.measure.overlaps import overlap_of
from remnant.studies.kim2019.kept import keep, kept
from remnant.studies.kim2019.records import Transferred
from remnant.studies.kim2019.settings import AttackSettings
from remnant.studies.kim2019.training import cell_name

TRANSFER = "transfer"


def transfer_cell(
    run: Run, variant: str, cohorts: tuple[str, ...], folder: Path, attack: AttackSettings, seed: int
) -> dict[str, Any]:
    """Dice on the first scan of each patient of every second cohort; retraining is cross-validated over its patients."""
    found, log = {}, epoch_log(run, cell_name(TRANSFER, variant))
    settings = RetrainSettings(**attack.retraining.model_dump(), batch=attack.retraining_batch)
    for cohort in cohorts:
        scans, view = kept(run, Scans, cohort), View.load(folder)
        firsts = first_visits(scans, range(len(scans.patients)))
        images, truth = scans.images[firsts], scans.labels[firsts]
        seeds = Seeds(seed).child(TRANSFER, cohort)
        maps = elsewhere(view, torch.from_numpy(images), torch.from_numpy(truth), settings, seeds, log)
        whose = [scans.patients[i] for i in firsts]
        found |= {f"{cohort}-{name}": overlap_of(each, truth, whose, TISSUES) for name, each in maps.items()}
    keep(run, Transferred(variant, found))
    return {}
