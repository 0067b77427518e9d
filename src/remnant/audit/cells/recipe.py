"""What a training tells of its patients, by the shadow models: every attack on each of them, as on the audited network.

It is the question of the recipe, not of this file: networks trained the same way, of which it is known who trained them. From
it come two controls of what is said of this file.

- *Recipe*: an attack that distinguishes, over all shadow models, who trained them can see what this training leaves. Where it
  does not, either the training leaves nothing that it sees, or it is blind, and the copy that was trained on decides which.
- *Null*: shadow models that a patient did not train know nothing of him. Where their fit distinguishes members of the audited
  network from non-members, the groups differ by themselves.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from remnant.attacks.attack import Attack
from remnant.attacks.membership.references import AGAINST_SHADOWS, REFERENCES
from remnant.audit.cells.kept import kept_scores, kept_shadows
from remnant.audit.cells.shadows import NAME
from remnant.audit.findings.controls import null_control, recipe_control
from remnant.audit.findings.rows import Scored
from remnant.audit.materials.material import Material
from remnant.base.findings import Control, Finding
from remnant.base.results import Row, Section, TableView, number
from remnant.base.run import Run
from remnant.base.seeds import Seeds
from remnant.cohort.images import patient_means
from remnant.measure.swaps import SwapTest, swap_test, without_patient

CELL = "recipe"
SECTION = Section(
    title="The same training, on known halves",
    text=[
        "Networks were trained by train() on random halves of all patients, members and non-members together.",
        "The question is what such a training tells of its patients, and not what this file does.",
    ],
    table=TableView(
        name=CELL,
        caption="Mean AUC over the networks: those who trained a network against those who did not. Intervals are of patients "
        "and trainings. p is two-sided, before any adjustment.",
        columns={
            "attack": "Attack",
            "view": "View",
            "networks": "Networks",
            "patients": "Patients",
            "{auc} [{low}, {high}]": "AUC [95% interval]",
            "lowest_auc": "Lowest",
            "highest_auc": "Highest",
            "p": "p",
        },
    ),
)


def recipe_cell(run: Run, material: Material, attacks: Sequence[Attack], seed: int) -> dict[str, Any]:
    """Rows of the table, and the controls, from what the cells of the shadow models kept."""
    draw = Seeds(seed).child("audit", "recipe")
    rows, controls = [], []
    # Another attack that reads shadow models could not be run on each of these: they are not kept.
    for attack in (one for one in attacks if not one.shadows or one.name == REFERENCES.name):
        tests = {
            view: swap_test(
                values, trained, draw.child(attack.name, view).numpy(), calibrated=attack.name == REFERENCES.name
            )
            for view, values, trained in _values(run, material, attack)
        }
        rows += [_row(attack, view, test) for view, test in tests.items()]
        controls.append(recipe_control(attack.name, list(tests.values())))
    controls.append(_null(run, material, draw.child("null").numpy()))
    return {"rows": rows, "controls": [control.model_dump(mode="json") for control in controls]}


def disagreement(primary: Finding | None, rows: Sequence[Row]) -> list[str]:
    """Why silence of this file clears nobody: the `primary` finding, an AUC, lies below what the same training gives."""
    same = [row for row in rows if primary and (row["attack"], row["view"]) == (primary.attack, primary.view)]
    if not primary or primary.high is None or not any((row["low"] or 0) > primary.high for row in same):
        return []
    return [
        "Networks of train() leak more than this model: it was trained otherwise or on more patients, or members are marked "
        "wrong or prepared otherwise."
    ]


def _values(run: Run, material: Material, attack: Attack) -> list[tuple[str, np.ndarray, np.ndarray]]:
    """Every view of the attack with its values and who trained each network, (patients, networks) both."""
    shadows = kept_shadows(run, material.target.shadows)
    assert shadows
    patients, inside = patient_means(shadows.trained, shadows.patients)
    trained = inside > 0
    if attack.name == REFERENCES.name:
        return [
            (AGAINST_SHADOWS.format(name), patient_means(values, shadows.patients)[1], trained)
            for name, values in shadows.signals.items()
        ]
    kept = [
        kept_scores(run, material.roles, f"{NAME}-{i}-{attack.name}", primary=False)
        for i in range(material.target.shadows)
    ]
    found = []
    for views in zip(*kept, strict=True):
        assert all(claim.patients == patients for claim in views)
        found.append((views[0].view, np.stack([claim.scores for claim in views], axis=1), trained))
    return found


def _null(run: Run, material: Material, draw: np.random.Generator) -> Control:
    shadows = kept_shadows(run, material.target.shadows)
    assert shadows
    patients, inside = patient_means(shadows.trained, shadows.patients)
    values = patient_means(next(iter(shadows.signals.values())), shadows.patients)[1]
    scores = without_patient(values, inside > 0)
    roles = np.array([material.roles[patient] for patient in patients])
    return null_control(
        Scored("", "", patients, scores, roles), draw, what="the fit of shadow models that a patient did not train"
    )


def _row(attack: Attack, view: str, test: SwapTest) -> Row:
    return {
        "attack": attack.name,
        "view": view,
        "networks": len(test.by_network),
        "patients": test.auc.n,
        "auc": number(test.auc.mean),
        "low": number(test.auc.low),
        "high": number(test.auc.high),
        "lowest_auc": float(test.by_network.min()),
        "highest_auc": float(test.by_network.max()),
        "p": test.p,
        "p_bound": test.p_bound,
    }
