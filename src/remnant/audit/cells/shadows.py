"""Shadow models: networks that the owner's train() makes of known halves of the patients, a cell each.

Of a network there are kept what it fits of each image and what every attack says of each patient, in RUN/private; not its
weights, and no image.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import torch

from remnant.attacks.attack import Attack
from remnant.attacks.membership.references import REFERENCES, queries_of
from remnant.audit.cells.kept import SHADOWS, claims_path, keep_scores, keep_shadow, shadow_path
from remnant.audit.cells.model_cells import access_of, work_of
from remnant.audit.cells.shared import NetworkRecord, SharedFiles, shared_files
from remnant.audit.config import AuditConfig
from remnant.audit.materials.aside import set_aside
from remnant.audit.materials.material import Material
from remnant.audit.owner.steps import counted_steps
from remnant.audit.owner.training import ONCE, TimeUpError, Training, TrainingDose, at_most, unlike
from remnant.audit.verdict.scenario import SEEN
from remnant.base.errors import RemnantError
from remnant.base.files import read_json
from remnant.base.run import Run
from remnant.base.seeds import Seeds
from remnant.engine.cells import Cell
from remnant.measure.swaps import dealt_halves
from remnant.targets.audited import Audited

NAME = "shadow"
CANARIES = "canaries"  # of the cell that judges them, and of where is kept what networks fit of them


def with_shadows(material: Material, config: AuditConfig, count: int | None = None) -> Material:
    """The material whose target has so many shadow models to come, by default as many as are asked for and can be made; where
    there are any, some patients are set aside for canaries."""
    if count is None:
        bears = REFERENCES.access in SEEN[config.scenario] and material.candidates.labels is not None
        count = config.shadows.count if material.training and bears else 0
    if count and not material.canaries:
        material = set_aside(material, config.seed)
    return replace(material, target=replace(material.target, shadows=count))


def half_of(material: Material, seed: int, number: int) -> tuple[str, ...]:
    """The patients who train the shadow model of this number: of members and non-members together a random half, or the other."""
    patients = tuple(dict.fromkeys(material.candidates.patients))
    # Each swap by itself, so that it does not change with how many there are.
    draw = Seeds(seed).child("shadows", "halves", number // 2).numpy()
    inside = dealt_halves(len(patients), 1, draw)[:, number % 2]
    return tuple(patient for patient, one in zip(patients, inside, strict=True) if one)


def shadow_cells(material: Material, attacks: Sequence[Attack], seed: int) -> list[Cell]:
    """A cell a shadow model, on which the scoring `attacks` are run that read no others."""
    common = {"material": material, "attacks": alone_of(attacks), "seed": seed}
    return [
        Cell(name, shadow_cell, {**common, "number": number})
        for number, name in enumerate(names_of(material.target.shadows))
    ]


def shadow_cell(
    run: Run, material: Material, attacks: Sequence[Attack], seed: int, number: int, limit: float | None = None
) -> dict[str, Any]:
    """Train the shadow model of this number, for no longer than `limit` seconds, and keep what it and the attacks say."""
    training, candidates, target = material.training, material.candidates, material.target
    assert training
    _require_same_code(run, training)
    half, canaries = half_of(material, seed, number), material.canaries
    seeds = Seeds(seed).child("shadows", number)
    told = {"trained": True, "seed": seeds.integer, "patients": len(half), "code": training.code}
    shared = files_of(run, material, attacks, seed, number)
    if shared and (found := shared.take()):
        return {**told, **found, "shared": True}
    asked = [(SHADOWS, candidates, half)]
    if canaries:
        asked.append((CANARIES, canaries.images, canaries.training(number)))
    try:
        with at_most(limit), counted_steps() as steps:
            shadow = shadow_of(material, seed, number)
    except TimeUpError:
        return {"trained": False}
    record = NetworkRecord(torch.initial_seed(), steps.taken, unlike(shadow.module, target.module))
    for whose, images, inside in asked:
        fits = _finite(training, queries_of(shadow.head, images, shadow.answers))
        keep_shadow(run, number, images.patients, inside, fits, whose)
        for attack in attacks:
            name = scores_name(whose, number, attack)
            access, work = access_of(attack, shadow, images), work_of(run, attack, seed, name)
            keep_scores(run, name, attack.run(access, material.own, material.settings_of(attack), work))
    if shared:
        shared.give(record)
    return {**told, **asdict(record), "shared": False}


def files_of(run: Run, material: Material, attacks: Sequence[Attack], seed: int, number: int) -> SharedFiles | None:
    """Where what is kept of the shadow model of this number is shared, None where nothing is."""
    if material.training is None or material.training.shared is None:
        return None
    whose = (SHADOWS, *([CANARIES] if material.canaries else []))
    fits = [shadow_path(run, number, one) for one in whose]
    scores = [(claims_path(run, scores_name(one, number, attack)), one, attack) for one in whose for attack in attacks]
    return shared_files(material, seed, number, fits, scores)


def note_shared(run: Run, material: Material, attacks: Sequence[Attack], seed: int) -> None:
    """Note in the run which files outside of it hold its patients, before any is written, for `remnant purge`."""
    shared = [files_of(run, material, alone_of(attacks), seed, number) for number in range(material.target.shadows)]
    if paths := [path for one in shared if one for path in one.paths]:
        run.keep_note_of(paths)


def of_training(attacks: Sequence[Attack]) -> list[Attack]:
    """Those of the attacks that ask who trained the model: of networks of the same training nothing else is known."""
    return [attack for attack in attacks if attack.asks == "trained"]


def alone_of(attacks: Sequence[Attack]) -> list[Attack]:
    """The scoring attacks that ask who trained the model and read no shadow models, which are run on every one of them."""
    return [one for one in of_training(attacks) if one.claim == "patient_scores" and not one.shadows]


def shadow_of(material: Material, seed: int, number: int, dose: TrainingDose = ONCE) -> Audited:
    """The shadow model of this number, trained by its half of the patients and of the canaries, so often or so long."""
    training, canaries = material.training, material.canaries
    assert training
    patients = {*half_of(material, seed, number), *(canaries.training(number) if canaries else ())}
    label_of = canaries.label_of if canaries else {}
    seeds = Seeds(seed).child("shadows", number)
    return training(material.target, material.candidates, patients, seeds, label_of, dose)


def scores_name(whose: str, number: int, attack: Attack) -> str:
    """What is kept of an attack on the shadow model of this number, asked about the images of `whose`."""
    return f"{NAME if whose == SHADOWS else whose}-{number}-{attack.name}"


def names_of(count: int) -> list[str]:
    """The names of the cells of so many."""
    return [f"{NAME}-{number}" for number in range(count)]


def _finite(training: Training, queries: Mapping[str, np.ndarray]) -> Mapping[str, np.ndarray]:
    """They, if the network answers with numbers; raises `RemnantError` where its training diverged."""
    if not all(np.isfinite(values).all() for values in queries.values()):
        raise RemnantError(
            f"The network of {training.words} answers with values that are not finite; mend its rate or its loss, or what it "
            "divides by."
        )
    return queries


def _require_same_code(run: Run, training: Training) -> None:
    """Raise `RemnantError` where another version of the owner's file trained the shadow models before this one."""
    for path in (run.path / "cells").glob(f"{NAME}-*.json"):
        if read_json(path).get("code", training.code) != training.code:
            raise RemnantError(
                f"{training.words} has changed since {run.path} began to train shadow models, which must all be of one training; "
                "undo the change, or choose another directory."
            )
