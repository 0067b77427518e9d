"""The pieces of an audit, each written when done: an attack with its controls, the blind baseline, the planted positive."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from remnant.attacks.attack import Attack, Reconstructions, Scores, Work
from remnant.attacks.membership.blind import blind_features_of
from remnant.audit.cells import planted as planting
from remnant.audit.cells.fits import fit_of_members
from remnant.audit.cells.kept import keep_reconstructions, keep_scores, kept_shadows
from remnant.audit.findings.controls import LIKE_MEMBERS_AUC, PLANTED_AUC, blind_control, planted_control
from remnant.audit.findings.given import given_of
from remnant.audit.findings.identified import controls_of
from remnant.audit.materials.material import Material
from remnant.base.findings import Control
from remnant.base.run import Run
from remnant.base.seeds import Seeds
from remnant.cohort.images import Images
from remnant.measure.blind import blind_test
from remnant.measure.roles import MEMBER, NON_MEMBER
from remnant.targets.audited import Audited
from remnant.targets.seen import SeenOutputs, SeenWeights, Shadows, reduced_latents, seen_latents, seen_outputs
from remnant.targets.seen_features import SeenFeatures, features_of


def sides(material: Material, attack: Attack) -> tuple[Images | None, Images]:
    """The attacker's own images, and those that he attacks.

    Where he has none and his attack has to learn from some, the non-members stand in, and members alone are attacked. Whoever
    holds a server that takes codes trained on the members' scans, and attacks the codes of others.
    """
    if attack.access == "codes":
        return material.images.of(material.group(MEMBER)), material.images.of(material.group(NON_MEMBER))
    if attack.claim == "reconstructions" and material.own is None:
        return material.images.of(material.group(NON_MEMBER)), material.images.of(material.group(MEMBER))
    return material.own, material.candidates


def score_cell(run: Run, material: Material, attack: Attack, seed: int) -> dict[str, Any]:
    """Run a membership attack and keep its claims."""
    own, asked = sides(material, attack)
    shadows = kept_shadows(run, material.target.shadows) if attack.shadows else None
    access = access_of(attack, material.target, asked, shadows)
    claims = attack.run(access, own, material.settings_of(attack), work_of(run, attack, seed))
    keep_scores(run, attack.name, claims)
    return {"views": [claim.view for claim in claims]}


def reconstruction_cell(run: Run, material: Material, attack: Attack, seed: int, module: str | None) -> dict[str, Any]:
    """Reconstruct images from latents, and from images reduced to as many values, which are surely enough."""
    own, asked = sides(material, attack)
    access = seen_latents(material.target, asked, module)
    claims: Sequence[Reconstructions] = attack.run(
        access, own, material.settings_of(attack), work_of(run, attack, seed)
    )
    keep_reconstructions(run, attack.name, claims)
    easy = attack.run(reduced_latents(access, asked), own, material.settings_of(attack), work_of(run, attack, seed))
    draw = Seeds(seed).child("audit", "exchanged").numpy()
    controls = controls_of(attack.name, claims[0], easy[0], asked, draw)
    return {
        "views": [claim.view for claim in claims],
        "latent": list(access.latents.shape[1:]),
        "layer": access.module,
        "controls": [control.model_dump(mode="json") for control in controls],
    }


def blind_cell(run: Run, material: Material, seed: int) -> dict[str, Any]:
    """The blind baseline on the same patients; of a cross-validation, those of each fold against the others."""
    names = tuple(dict.fromkeys(material.candidates.patients))
    roles, groups = np.array([material.roles[name] for name in names]), "the groups"
    if material.folds is not None:
        roles, groups = material.folds.roles(names), "one fold from the others"
    return {"controls": [blind_of(material.candidates, roles, seed, groups).model_dump(mode="json")]}


def blind_of(
    images: Images, roles: np.ndarray, seed: int, groups: str = "the groups", matched: np.ndarray | None = None
) -> Control:
    """The blind baseline on the patients of `images`, each once in the order of their first image, with `roles` (n,) for one
    target or (targets, n) for several, in which they change places; `groups`: which ones it is to distinguish, in words.
    `matched` (n,): a number that a patient shares with those of whom some were dealt to either group."""
    names, features = blind_features_of(images)
    patients = np.array(images.patients)
    known = {
        name: np.array([np.nan_to_num(np.asarray(values, float)[patients == one], nan=-np.inf).max() for one in names])
        for name, values in images.details.items()
    }
    draw = Seeds(seed).child("audit", "blind").numpy()
    several = features if roles.ndim == 1 else np.broadcast_to(features, (len(roles), *features.shape))
    found = blind_test(several, roles, draw, matched=matched)
    return blind_control(found, given_of(known, roles, images=True), groups=groups)


def fit_cell(run: Run, material: Material, seed: int) -> dict[str, Any]:
    """Whether the model answers better than chance about those who trained it."""
    fit = fit_of_members(material, seed)
    return {**asdict(fit), "controls": [fit.control().model_dump(mode="json")]}


def _planting_seeds(seed: int) -> Seeds:
    return Seeds(seed).child("audit", "planted")


def why_unplanted(material: Material, seed: int, steps: int) -> str:
    """Why no leak can be planted, tried by one step; empty where one can."""
    target, others = material.planting
    if material.images.labels is None:
        return "no labels were handed over"
    if len(planting.chosen(others, _planting_seeds(seed))) < 2:
        return f"too few non-members, give {2 * planting.FEWEST}"
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
        run.log("planted", "round", step=taken, loss=loss)

    copied, loss = planting.trained_on(target, own, seeds, steps, dose.asked, tell)
    dose = replace(dose, loss=loss)
    shadows = kept_shadows(run, target.shadows)
    controls = []
    for attack in attacks:
        access = access_of(attack, copied, images, shadows if attack.shadows else None)
        claims = attack.run(access, material.own, material.settings_of(attack), work_of(run, attack, seed))
        controls.append(_strongest(attack.name, claims, set(who), dose))
    told = [control.model_dump(mode="json") for control in controls]
    return {"controls": told, "patients": len(who), "dose": {**asdict(dose), "asked": dose.asked}}


def _strongest(attack: str, claims: Sequence[Scores], planted: set[str], dose: planting.Dose) -> Control:
    """The control of the view that finds the planted best: an attack is as strong as the best of its views."""
    controls = []
    for claim in claims:
        mine = np.array([patient in planted for patient in claim.patients])
        asked = LIKE_MEMBERS_AUC if dose.like_members else PLANTED_AUC
        known = {"looks": len(claims), "dose": dose.said, "learned": dose.reached, "asked": asked}
        controls.append(planted_control(attack, claim.scores[mine], claim.scores[~mine], **known))
    return max(controls, key=lambda control: control.value or 0.0)


def access_of(
    attack: Attack, target: Audited, asked: Images, shadows: Shadows | None = None
) -> SeenOutputs | SeenWeights | SeenFeatures:
    """What a membership attack is handed."""
    if attack.access == "features":
        return features_of(target, asked).seen(asked)
    if attack.access != "outputs":
        return SeenWeights(asked, target)
    return replace(seen_outputs(target, asked), shadows=shadows and shadows.of(asked.patients))


def work_of(run: Run, attack: Attack, seed: int, folder: str = "") -> Work:
    """What an attack may use beside what it is handed; `folder`: where, by default under its own name."""
    name = f"attack-{attack.name}"
    return Work(
        Seeds(seed).child("attack", attack.name),
        run.private / "work" / (folder or attack.name),
        lambda note: run.log(name, "note", note=note),
    )
