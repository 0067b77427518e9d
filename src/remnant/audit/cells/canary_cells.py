"""The control of canaries: patients who trained half of the shadow models with exchanged labels, whom every attack must find."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from remnant.attacks.attack import Attack
from remnant.attacks.membership.references import PROBABILITIES
from remnant.audit.cells.kept import kept_shadows
from remnant.audit.cells.recipe import asked_of_all, views_under
from remnant.audit.cells.shadows import CANARIES
from remnant.audit.findings.canary_control import CanaryFits, canary_control
from remnant.audit.materials.material import Material
from remnant.base.findings import Control
from remnant.base.run import Run
from remnant.base.seeds import Seeds
from remnant.cohort.images import patient_means
from remnant.engine.cells import Cell
from remnant.measure.swaps import apart_within_patients, swap_test
from remnant.targets.seen import Shadows


def canary_cell(run: Run, material: Material, attacks: Sequence[Attack], seed: int) -> dict[str, Any]:
    """A control for each attack: whether it tells under which networks a canary was trained on, every network by the others."""
    draw, count = Seeds(seed).child("audit", "canaries"), material.target.shadows
    shadows = kept_shadows(run, count, CANARIES)
    assert shadows and material.canaries
    known = known_of(shadows)
    controls: list[Control] = []
    for attack in asked_of_all(attacks):
        tests = [
            swap_test(one.values, one.trained, draw.child(attack.name, one.view).numpy(), calibrate=one.calibrate)
            for one in views_under(run, material, attack, CANARIES)
        ]
        controls.append(canary_control(attack.name, tests, known))
    return {"controls": [one.model_dump(mode="json") for one in controls], "patients": len(material.canaries.patients)}


def known_of(shadows: Shadows) -> CanaryFits:
    """How well networks know the canaries whom they were trained on, and those whom they were not."""
    name, fits = next((name, fits) for name, fits in shadows.signals.items() if name in PROBABILITIES)
    losses = -np.log(np.clip(PROBABILITIES[name](fits), 1e-12, 1))
    patients, means = patient_means(shadows.trained, shadows.patients)
    trained = means > 0
    losses, fits = (patient_means(values, shadows.patients)[1] for values in (losses, fits))
    return CanaryFits(
        len(patients),
        trained.shape[1],
        float(losses[trained].mean()),
        float(losses[~trained].mean()),
        apart_within_patients(fits, trained),
    )


def canary_cells(material: Material, attacks: Sequence[Attack], seed: int, needs: tuple[str, ...]) -> list[Cell]:
    """That cell, where some patients are canaries."""
    if not material.canaries:
        return []
    return [Cell(CANARIES, canary_cell, {"material": material, "attacks": attacks, "seed": seed}, needs)]
