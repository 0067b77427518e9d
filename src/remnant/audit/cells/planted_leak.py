"""The control of the planted leak: a copy of the network learns some non-members by heart, and every attack must find them."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from remnant.attacks.attack import Attack, PatientScores
from remnant.audit.cells import planted as planting
from remnant.audit.cells.kept import kept_shadows
from remnant.audit.cells.model_cells import access_of, work_of
from remnant.audit.cells.piece import PLANTED, Piece
from remnant.audit.findings.controls import FEWEST_PLANTED, LIKE_MEMBERS_AUC, PLANTED_AUC, planted_control
from remnant.audit.materials.material import Material
from remnant.base.findings import Control
from remnant.base.run import Run
from remnant.base.seeds import Seeds

WORDS = "a copy that is trained on with some non-members, who must be found; at most so long"


def _planting_seeds(seed: int) -> Seeds:
    return Seeds(seed).child("audit", "planted")


def why_unplanted(material: Material, seed: int, steps: int) -> str:
    """Why no leak can be planted, tried by one step; empty where one can."""
    target, others = material.planting
    if material.images.labels is None:
        return "no labels were handed over"
    if len(planting.chosen(others, _planting_seeds(seed))) < 2:
        return f"too few non-members, give {2 * FEWEST_PLANTED}"
    return "planted_steps is 0, give more" if not steps else planting.hindrance(target, material.images.of(others))


def planted_cell(run: Run, material: Material, attacks: Sequence[Attack], seed: int, steps: int) -> dict[str, Any]:
    """Train a copy on with some non-members, by at most so many `steps`, and look whether each attack finds them."""
    if why := why_unplanted(material, seed, steps):
        return {"controls": [], "patients": 0, "why": why}
    seeds = _planting_seeds(seed)
    target, others = material.planting
    who = planting.chosen(others, seeds)
    images, own = material.images.of(others), material.images.of(who)
    dose = planting.dose_of(target, images, material.images.of(material.trainers), seeds)

    def tell(taken: int, loss: float) -> None:
        run.log("planted", "round", step=taken, of=steps, loss=loss)

    copied, loss = planting.trained_on(target, own, seeds, steps, dose.asked, tell)
    dose = replace(dose, loss=loss)
    shadows = kept_shadows(run, target.shadows)
    controls = []
    for attack in attacks:
        access = access_of(attack, copied, images, shadows if attack.shadows else None)
        claims = attack.run(access, material.own, material.settings_of(attack), work_of(run, attack, seed))
        controls.append(_strongest(attack.name, claims, set(who), dose, "" if material.training else material.stronger))
    told = [control.model_dump(mode="json") for control in controls]
    return {"controls": told, "patients": len(who), "dose": {**asdict(dose), "asked": dose.asked}}


def _strongest(
    attack: str, claims: Sequence[PatientScores], planted: set[str], dose: planting.Dose, stronger: str
) -> Control:
    """The control of the view that finds the planted best: an attack is as strong as the best of its views."""
    controls = []
    for claim in claims:
        mine = np.array([patient in planted for patient in claim.patients])
        asked = LIKE_MEMBERS_AUC if dose.like_members else PLANTED_AUC
        known = {"looks": len(claims), "dose": dose.said, "learned": dose.reached, "asked": asked}
        known["stronger"] = stronger
        controls.append(planted_control(attack, claim.scores[mine], claim.scores[~mine], **known))
    return max(controls, key=lambda control: control.value or 0.0)


def planted_piece(material: Material, steps: int, looks: float) -> Piece:
    """The piece of that, of at most so many `steps`; `looks`: seconds in which all attacks look for the planted."""
    target, who = material.planting
    others = material.images.of(who)
    seconds = 0.0
    if others.labels is not None and not planting.hindrance(target, others):
        seconds = planting.training_seconds(target, others, len(who), steps) + looks
    return Piece(PLANTED, WORDS, seconds)
