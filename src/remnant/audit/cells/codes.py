"""Beside the findings on codes: what each adversary makes of them, and what the segmentation is worth."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from remnant.audit.cells.piece import Piece
from remnant.audit.findings.pair_rows import adversary_rows, beyond_rows
from remnant.audit.findings.pairs import Paired
from remnant.audit.findings.worth import Worth, worth_rows
from remnant.audit.materials.material import Material
from remnant.base.results import Row
from remnant.base.run import Run
from remnant.base.seeds import Seeds
from remnant.base.store import keep, kept
from remnant.cohort.images import Images, first_visits
from remnant.cohort.spoilt import CONDITIONS
from remnant.defenses.privacynet.retraining import retrain
from remnant.defenses.privacynet.worth import FOLDS, TISSUES, Timing, device_in_words, elsewhere
from remnant.engine.cells import Cell
from remnant.engine.cost import timed
from remnant.engine.loop import epoch_log
from remnant.measure.overlaps import CLEAN, Overlap, overlap_of
from remnant.measure.roles import NON_MEMBER

WORTH_CELL = "worth"
WORDS = "Dice of patients in no training, on spoilt scans and other cohorts too"
STEPS_TRIED = 3  # of a segmenter that is trained on, when that is timed
UNPLANTED = "No leak was planted in the segmenter, so that silence about membership clears nobody."


def cells_of(material: Material, seed: int) -> list[Cell]:
    """The cell that measures what the segmentation is worth; none of a model that sends nothing."""
    return [Cell(WORTH_CELL, worth_cell, {"material": material, "seed": seed})] if material.sent else []


def worth_cell(run: Run, material: Material, seed: int) -> dict[str, Any]:
    """Segment the scans of patients whom no training saw: as they are, spoilt, and those of second cohorts."""
    assert material.sent
    sent, seeds = material.sent, Seeds(seed).child(WORTH_CELL)
    others = material.images.of(material.group(NON_MEMBER))
    timing, view = Timing(sent.view), sent.view

    def segmented(images: Images, scans: Sequence[torch.Tensor], branch: Seeds, timing: Timing) -> Overlap:
        maps = [timing.look(scan[None], branch.child(i), undo=True)[2] for i, scan in enumerate(scans)]
        return _overlap(torch.cat(maps).numpy(), images, sent.classes)

    conditions = {CLEAN: segmented(others, others.images, seeds.child(CLEAN), timing)}
    firsts = others.take(sorted({name: i for i, name in reversed(list(enumerate(others.patients)))}.values()))
    some = firsts.take(range(min(len(firsts), sent.worth.degraded)))
    for name, spoil in CONDITIONS.items():
        branch = seeds.child(name)
        worse = [
            torch.from_numpy(spoil(scan[0].numpy(), np.asarray(truth), branch.child("spoilt", i).numpy()))[None]
            for i, (scan, truth) in enumerate(zip(some.images, some.labels or (), strict=True))
        ]
        conditions[name] = segmented(some, worse, branch, Timing(view))
    cohorts = {}
    for name, scans in sent.second.items():
        cohorts |= _elsewhere(run, material, name, scans, seeds.child(name))
    times = np.array(timing.times).T
    shape = np.array(others.images[0].shape[1:])
    keep(_file(run), Worth(conditions, cohorts, *times, shape, device_in_words()))
    return {}


def worth_piece(material: Material) -> Piece:
    """The piece of what the segmentation is worth."""
    assert material.sent
    sent, others = material.sent, material.images.of(material.group(NON_MEMBER))
    timing, settings = Timing(sent.view), sent.worth.retraining
    look = timed(lambda: timing.look(others.images[0][None], sent.seeds, undo=True))
    scans = len(others) + min(sent.worth.degraded, len(set(others.patients))) * len(CONDITIONS)
    seconds = look * (scans + sum(2 * len(set(scans.patients)) for scans in sent.second.values()))
    if sent.second:
        pairs = [(others.images[0], torch.zeros(others.images[0].shape[1:], dtype=torch.uint8))]
        tried = settings.changed(steps=min(STEPS_TRIED, settings.steps))
        given = (sent.view.patch, tried, sent.seeds, lambda *unheard: None)
        steps = timed(lambda: retrain(sent.view.segmenter, pairs, *given, classes=len(TISSUES))) / tried.steps
        seconds += FOLDS * len(sent.second) * settings.steps * steps
    return Piece(WORTH_CELL, WORDS, seconds, always=True)


def kept_worth(run: Run) -> Worth:
    """What `worth_cell` measured."""
    return kept(_file(run), Worth)


def _file(run: Run) -> Path:
    return run.private / WORTH_CELL / f"{WORTH_CELL}.npz"


def tables_of(
    run: Run, material: Material, paired: Mapping[str, Sequence[Paired]], seeds: Seeds
) -> dict[str, list[Row]]:
    """The tables that `code_sections.SECTIONS` show, each where it has rows; none of a model that sends nothing."""
    if not material.sent:
        return {}
    branch = seeds.child("audit", "verification")
    tables = {
        "adversaries": adversary_rows(paired, branch),
        "beyond_segmentation": beyond_rows(paired, branch),
        **worth_rows(kept_worth(run), seeds.child("audit", WORTH_CELL)),
    }
    return {name: rows for name, rows in tables.items() if rows}


def _elsewhere(run: Run, material: Material, name: str, scans: Images, seeds: Seeds) -> dict[str, Overlap]:
    """Dice on the first scan of each patient of a second cohort, by training of the segmenter."""
    assert material.sent
    firsts = scans.take(first_visits(scans, range(len(scans))))
    given = (material.sent.worth.retraining, seeds, epoch_log(run, WORTH_CELL))
    maps = elsewhere(material.sent.view, firsts.images, firsts.labels, *given)
    truth = firsts.labels.numpy()
    return {f"{name}-{trained}": overlap_of(each, truth, firsts.patients, TISSUES) for trained, each in maps.items()}


def _overlap(maps: np.ndarray, images: Images, classes: tuple[str, ...]) -> Overlap:
    truth = np.stack([np.asarray(label) for label in images.labels or ()]).astype(np.uint8)
    return overlap_of(maps, truth, images.patients, classes)
