"""Shadow models: networks that the owner's train() makes of known halves of the patients, a cell each.

Of a network there are kept what it fits of each image and what every attack says of each patient, in RUN/private; not its
weights, and no image.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from remnant.attacks.attack import Attack
from remnant.attacks.membership.references import REFERENCES, queries_of
from remnant.attacks.membership.signals import shifts
from remnant.audit.cells.kept import keep_scores, keep_shadow
from remnant.audit.cells.model_cells import access_of, work_of
from remnant.audit.cells.piece import Piece
from remnant.audit.config import AuditConfig
from remnant.audit.materials.material import Material
from remnant.audit.owner.training import TimeUpError, Training, at_most, unlike
from remnant.audit.verdict.scenario import SEEN
from remnant.base.errors import RemnantError
from remnant.base.files import read_json
from remnant.base.run import Run
from remnant.base.seeds import Seeds
from remnant.engine.cells import Cell, run_cells
from remnant.measure.swaps import dealt_halves

NAME = "shadow"
WORDS = "networks that train() makes of known halves of the patients"
FEWEST = 4  # networks: for no network is that of the other half a reference
LONGEST_TRIAL_S = 300.0  # of the training that an estimate times


def with_shadows(material: Material, config: AuditConfig, count: int | None = None) -> Material:
    """The material whose target has so many shadow models to come, by default as many as are asked for and can be made."""
    if count is None:
        bears = REFERENCES.access in SEEN[config.scenario] and material.candidates.labels is not None
        count = config.shadows.count if material.training and bears else 0
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
    alone = [attack for attack in attacks if attack.claim == "patient_scores" and not attack.shadows]
    return [
        Cell(name, shadow_cell, {"material": material, "attacks": alone, "seed": seed, "number": number})
        for number, name in enumerate(names_of(material.target.shadows))
    ]


def shadow_cell(
    run: Run, material: Material, attacks: Sequence[Attack], seed: int, number: int, limit: float | None = None
) -> dict[str, Any]:
    """Train the shadow model of this number, for no longer than `limit` seconds, and keep what it and the attacks say."""
    training, candidates, target = material.training, material.candidates, material.target
    assert training
    _require_same_code(run, training)
    half, seeds = half_of(material, seed, number), Seeds(seed).child("shadows", number)
    try:
        with at_most(limit):
            shadow = training(target, candidates, set(half), seeds)
    except TimeUpError:
        return {"trained": False}
    drew_by = torch.initial_seed()
    keep_shadow(
        run, number, candidates.patients, half, _finite(training, queries_of(shadow.head, candidates, shadow.answers))
    )
    for attack in attacks:
        name = f"{NAME}-{number}-{attack.name}"
        access, work = access_of(attack, shadow, candidates), work_of(run, attack, seed, name)
        keep_scores(run, name, attack.run(access, material.own, material.settings_of(attack), work))
    return {
        "trained": True,
        "seed": seeds.integer,
        "drew_by": drew_by,
        "unlike": unlike(shadow.module, target.module),
        "patients": len(half),
        "code": training.code,
    }


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


def affordable_shadows(run: Run, cells: Sequence[Cell], seconds: float, *, workers: int, quiet: bool) -> int:
    """How many of the `cells` fit into so many seconds of `workers` at a time, none where fewer than `FEWEST` would: the first of
    each worker are done, and say."""
    limit = workers * max(0.0, seconds) / FEWEST
    first = [replace(cell, arguments={**cell.arguments, "limit": limit}) for cell in cells[:workers]]
    found = run_cells(run, first, workers=workers, quiet=quiet).values()
    if not all(one["trained"] for one in found):
        return 0
    # Beside each other they take longer than alone, and the others will too.
    longest = max(max(one["seconds"] for one in found), 0.01)
    count = min(len(cells), int(workers * seconds / longest) // 2 * 2)
    return count if count >= FEWEST else 0


def untrained(material: Material, asked: int) -> list[str]:
    """Why fewer shadow models were trained than the `asked`."""
    count = material.target.shadows
    return [f"Of {asked} shadow models {count or 'none'} fit into --minutes."] if count < asked else []


def shadow_piece(material: Material, seed: int, each: float) -> Piece:
    """What all shadow models take, of whom one is trained and asked to time it; `each`: seconds that attacks take on one of
    them."""
    training, candidates, count = material.training, material.candidates, material.target.shadows
    assert training
    began, words = time.monotonic(), WORDS
    try:
        with at_most(LONGEST_TRIAL_S):
            shadow = training(
                material.target, candidates, set(half_of(material, seed, 0)), Seeds(seed).child("shadows", 0)
            )
            queries_of(shadow.head, candidates, shadow.answers)
    except TimeUpError:
        words += "; at least so long"
    seconds = count * (time.monotonic() - began + each)
    queries = len(list(shifts(candidates.spatial)))
    return Piece("shadows", words, seconds, count * _bytes(candidates.patients, queries))


def _bytes(patients: Sequence[str], queries: int) -> int:
    """Of one: names, two signals of each query, whether each trained it, and some scores."""
    return len(patients) * (np.array(patients).itemsize + 8 * (2 * queries + 6))
