"""The independent pieces of the study: those of an audit of each target."""

import hashlib
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from remnant.attacks.checkpoint.audited import GMI
from remnant.attacks.demographics import load_demographics
from remnant.attacks.membership.output import OUTPUT
from remnant.audit.cells.beyond import drawing_work, drawn_by, held_against
from remnant.audit.cells.blind import blind_of
from remnant.audit.cells.kept import has_claims, kept_similarities
from remnant.audit.cells.model_cells import score_cell
from remnant.audit.cells.reader import reader_file, train_reader
from remnant.base.errors import RemnantError
from remnant.base.provenance import sha256
from remnant.base.run import Run
from remnant.cohort.images import AGE, SEX, Images
from remnant.studies.lee2025.drawn import drawn_of, keep_controls, keep_drawn, kept_controls
from remnant.studies.lee2025.groups import OWN, ROLES, Source, matched_by, read_groups, roles_in
from remnant.studies.lee2025.settings import ATTACKS, StudySettings
from remnant.studies.lee2025.stage1 import Stage1
from remnant.studies.lee2025.subject import material_of

REMEMBERED = 8  # sets of images of which the reader's features are kept


def reader_cell(run: Run, settings: StudySettings) -> dict[str, Any]:
    """Train the reader of age and sex on the attacker's own patients, as far as both are known of them."""
    groups = {name: _known(group) for name, group in read_groups(run, OWN).items()}
    path = train_reader(run, groups["training"], groups["validation"], settings.demographic, settings.seed)
    return {"checkpoint": path.name, "sha256": sha256(path)}


def output_cell(run: Run, target: str, settings: StudySettings) -> dict[str, Any]:
    """Ask a target about the patients of its source."""
    return score_cell(run.part(target), material_of(run, target, settings), OUTPUT, settings.seed)


def blind_cell(run: Run, source: Source, settings: StudySettings) -> dict[str, Any]:
    """The blind baseline of a source, whose patients are held out and dealt anew as the study dealt them."""
    groups = read_groups(run, source)
    parts = [groups[name] for name in ROLES]
    labels = np.concatenate([np.asarray(part.labels, dtype=float) for part in parts])
    details = {name: np.concatenate([part.details[name] for part in parts]) for name in (AGE, SEX)}
    images = Images(
        torch.cat([torch.as_tensor(part.images) for part in parts]),
        None,
        tuple(patient for part in parts for patient in part.patients),
        details | {"class: 1": np.where(labels < 0, np.nan, labels)},
    )
    names, roles, matched = dict.fromkeys(images.patients), roles_in(groups), matched_by(source, groups)
    told = blind_of(
        images,
        np.array([roles[name] for name in names]),
        settings.seed,
        matched=np.array([matched[name] for name in names]),
    )
    return {"controls": [told.model_dump(mode="json")]}


def attack_cell(run: Run, target: str, attack: str, prior: Path, settings: StudySettings) -> dict[str, Any]:
    """Draw images by an attack, hold them against the patients, and keep what the paper's tables are made of.

    Returns the controls, the rows `stage1` {part, term, step, value} of its losses, and of each generator that it tuned the
    `steps` and whether its loss had `levelled_off`. All targets meet the same seeds, so that targets alone differ.
    """
    material, one, part = material_of(run, target, settings, prior), ATTACKS[attack], run.part(target)
    stage1 = Stage1(part, attack)
    known, near = ({}, {}) if attack == GMI.name else (kept_controls(run, target), _near(part))
    work = drawing_work(part, material, one, settings.seed)
    claim, ranked = drawn_by(material, one, replace(work, step=stage1.step, tuned=stage1.tuned, controls=known))
    if ranked is None:
        raise RemnantError(f"What '{attack}' draws of {target} cannot be ranked; the log says why.")
    strange = _strange(reader_file(run))
    held = held_against(part, material, one, claim, ranked, settings.seed, strange=strange, known=near)
    found = {one.space: one for one in kept_similarities(part, attack)}
    keep_drawn(run, target, attack, drawn_of(claim, ranked, found, material.roles))
    if attack == GMI.name:
        keep_controls(run, target, claim)
    stage1.keep_progression(run, target)
    return {"attack": attack, **held, **stage1.told()}


def _near(part: Run) -> dict[str, dict[str, np.ndarray]]:
    """By space, how near the controls that all attacks on a target share come to everybody; nothing where there are none."""
    if not has_claims(part, GMI.name):
        return {}
    return {one.space: {**one.controls, GMI.name: one.attack} for one in kept_similarities(part, GMI.name)}


@lru_cache(maxsize=1)
def _strange(path: Path) -> Callable[[Tensor], Tensor]:
    """The features of the reader at `path`, loaded once a process. All attacks on the targets of one source ask about the same
    people, whose images pass once, too."""
    model, known = load_demographics(path), OrderedDict[str, Tensor]()

    def features(images: Tensor) -> Tensor:
        key = hashlib.sha256(np.ascontiguousarray(images.numpy()).tobytes()).hexdigest()
        if key not in known:
            known[key] = model.features(images)
        known.move_to_end(key)
        if len(known) > REMEMBERED:
            known.popitem(last=False)
        return known[key]

    return features


def attack_cell_name(target: str, attack: str) -> str:
    return f"attack-{target}-{attack}"


def output_cell_name(target: str) -> str:
    return f"output-{target}"


def _known(group: Images) -> Images:
    """Those of a group whose age and sex are known."""
    return group.take(np.flatnonzero(np.isfinite([group.details[AGE], group.details[SEX]]).all(0)))
