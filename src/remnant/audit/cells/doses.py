"""The control of doses: the same halves train networks for half as long and for three times as long, and the more the longer must
be told of them."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from remnant.attacks.membership.references import NORMAL, queries_of
from remnant.audit.cells.kept import keep_shadow, kept_shadows
from remnant.audit.cells.shadows import half_of, names_of, shadow_of
from remnant.audit.findings.dose_control import dose_control
from remnant.audit.materials.material import Material
from remnant.audit.owner.training import TrainingDose
from remnant.base.errors import RemnantError
from remnant.base.files import read_json
from remnant.base.results import Row, Section, TableView
from remnant.base.run import Run
from remnant.base.seeds import Seeds
from remnant.cohort.images import patient_means
from remnant.engine.cells import Cell
from remnant.measure.doses import dose_trend

DOSES = "doses"
HALF, TRIPLE = "half", "triple"
TIMES = {HALF: 0.5, TRIPLE: 3.0}  # of a training
NETWORKS = 4  # a dose: two swaps, so that each has networks of another swap beside it
TRAININGS = NETWORKS * sum(TIMES.values())  # as long as so many
SECTION = Section(
    title="More training, more exposure",
    text=[
        "The same halves of the patients trained networks for half as long, as long and three times as long as train() "
        "does. The more a training leaves of its patients, the better is told who they are."
    ],
    table=TableView(
        name=DOSES,
        caption="Mean AUC over the networks: who trained them against who did not, by the fit beyond that of other halves.",
        columns={"times": "Times the training", "networks": "Networks", "patients": "Patients", "auc": "AUC"},
    ),
)


def dose_cells(material: Material, seed: int, *, asked: bool) -> list[Cell]:
    """A cell for each network of another dose, and one that holds them against those of the training as it is."""
    if not asked or not material.target.shadows:
        return []
    common = {"material": material, "seed": seed}
    made = [
        Cell(_name(dose, number), dosed_cell, {**common, "number": number, "dose": dose}, (names_of(NETWORKS)[number],))
        for dose in TIMES
        for number in range(NETWORKS)
    ]
    needs = (*names_of(NETWORKS), *(cell.name for cell in made))
    return [*made, Cell(DOSES, doses_cell, common, needs)]


def dosed_cell(run: Run, material: Material, seed: int, number: int, dose: str) -> dict[str, Any]:
    """Train the network of this number by a dose, and keep what it fits; or say `why` that cannot be done.

    Half a training is one that is ended after half of the steps that its optimiser took; three times one is three calls of
    train(), each of which goes on with what the last one left.
    """
    steps = read_json(run.path / "cells" / f"{names_of(NETWORKS)[number]}.json").get("steps", 0)
    if dose == HALF and steps < 2:
        return {"why": "train() takes no steps of an optimiser of PyTorch, by which half of it could be told"}
    amount = TrainingDose(steps=steps // 2) if dose == HALF else TrainingDose(times=3)
    try:
        network = shadow_of(material, seed, number, amount)
    except RemnantError as error:
        if dose == HALF:
            # What it would return is not there yet.
            return {"why": f"a training that was ended half-way left no network ({error})"}
        raise
    fits = queries_of(network.head, material.candidates, network.answers, several=False)
    keep_shadow(run, number, material.candidates.patients, half_of(material, seed, number), fits, _folder(dose))
    return {"why": ""}


def doses_cell(run: Run, material: Material, seed: int) -> dict[str, Any]:
    """Rows of the table, and the control: whether exposure grows with the doses that could be trained."""
    told = {
        dose: [read_json(run.path / "cells" / f"{_name(dose, i)}.json")["why"] for i in range(NETWORKS)]
        for dose in TIMES
    }
    lacking = {dose: next(filter(None, whys), "") for dose, whys in told.items()}
    folders = {TIMES[dose]: _folder(dose) for dose in TIMES if not lacking[dose]} | {1.0: "shadows"}
    found = {times: kept_shadows(run, NETWORKS, folder) for times, folder in sorted(folders.items())}
    first = found[1.0]
    assert first
    patients, inside = patient_means(first.trained, first.patients)
    signal = next(name for name in first.signals if name in NORMAL)
    values = np.stack([patient_means(one.signals[signal], one.patients)[1] for one in found.values() if one])
    why = "; ".join(filter(None, lacking.values()))
    if len(values) < 2:
        return {"rows": [], "controls": [], "why": why}
    trend = dose_trend(values, inside > 0, Seeds(seed).child("audit", DOSES).numpy())
    rows: list[Row] = [
        {"times": times, "networks": NETWORKS, "patients": len(patients), "auc": float(auc)}
        for times, auc in zip(found, trend.aucs, strict=True)
    ]
    control = dose_control(tuple(found), trend, len(patients))
    return {"rows": rows, "controls": [control.model_dump(mode="json")], "why": why}


def untold(found: Mapping[str, dict[str, Any]]) -> list[str]:
    """What of the doses could not be trained, by what the cells `found`."""
    why = found.get(DOSES, {}).get("why", "")
    return [f"Not all doses of training: {why}."] if why else []


def _name(dose: str, number: int) -> str:
    return f"dose-{dose}-{number}"


def _folder(dose: str) -> str:
    return f"dose-{dose}"
