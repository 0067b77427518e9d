"""The audit of a model: every attack that applies, on its members and non-members, with the controls that the judge asks for."""

from collections.abc import Sequence

import numpy as np

from remnant.attacks.attack import Attack, Scores, Work
from remnant.attacks.membership.blind import blind_features_of
from remnant.attacks.registry import all_attacks
from remnant.audit import planted as planting
from remnant.audit.config import AuditConfig
from remnant.audit.material import Material
from remnant.audit.rows import Scored, balance_rows, blind_control, membership_rows, planted_control, roc_rows
from remnant.audit.scenario import SEEN
from remnant.base.findings import AttackRun, Control
from remnant.base.run import Run
from remnant.base.seeds import Seeds
from remnant.cohort.images import Images
from remnant.engine.cells import Cell, run_cells
from remnant.measure.blind import blind_test
from remnant.measure.membership_inference import MEMBER, NON_MEMBER
from remnant.targets.audited import Audited
from remnant.targets.seen import SeenOutputs, SeenWeights, seen_outputs

SEES = {
    "outputs": "what the model answers",
    "weights": "the model's weights",
    "latents": "latents of patients",
    "codes": "codes of patients",
}
PLANTED_CELL, BLIND_CELL = "planted", "blind"


def attacks_of(material: Material, config: AuditConfig) -> list[tuple[Attack, str]]:
    """Every known attack with why it is not run, empty where it is."""
    found = []
    for attack in all_attacks().values():
        if attack.access not in SEEN[config.scenario]:
            why = f"the recipient does not see {SEES[attack.access]}"
        else:
            why = attack.applies(material.target, material.candidates)
        found.append((attack, why))
    return found


def audit_model(run: Run, material: Material, config: AuditConfig, *, quiet: bool = False) -> dict:
    """Run what applies, piece by piece in the run directory; return the arguments of `conclude` but for the provenance."""
    attacks = attacks_of(material, config)
    chosen = [attack for attack, why in attacks if not why]
    cells = [
        Cell(f"attack-{attack.name}", attack_cell, {"material": material, "attack": attack, "seed": config.seed})
        for attack in chosen
    ]
    cells.append(Cell(BLIND_CELL, blind_cell, {"material": material, "seed": config.seed}))
    cells.append(
        Cell(
            PLANTED_CELL,
            planted_cell,
            {"material": material, "attacks": chosen, "seed": config.seed, "steps": config.target.planted_steps},
        )
    )
    found = run_cells(run, cells, workers=1, quiet=quiet)
    claims = [claim for attack in chosen for claim in scored(run, material, attack)]
    seeds = Seeds(config.seed).child("audit", "model")
    return {
        "title": f"Audit of {config.about.model or material.model['name']}",
        "model": dict(material.model),
        "cohort": cohort_of(material),
        "attacks": [AttackRun(name=attack.name, words=attack.words, run=not why, why=why) for attack, why in attacks],
        "findings": membership_rows(claims, seeds.child("tests").numpy()),
        "controls": controls_of(found),
        "tables": {
            "roc": [row for claim in claims for row in roc_rows(claim)],
            "balance": balance_rows(*traits_of(material)),
        },
        "not_tested": list(material.notes),
        "checkpoints": dict(material.checkpoints),
    }


def access_of(kind: str, target: Audited, candidates: Images) -> SeenOutputs | SeenWeights:
    """What an attack of this kind of access is handed."""
    return seen_outputs(target, candidates) if kind == "outputs" else SeenWeights(candidates, target)


def attack_cell(run: Run, material: Material, attack: Attack, seed: int) -> dict:
    """Run one attack on the target and keep its claims."""
    work = _work(run, attack, seed)
    access = access_of(attack.access, material.target, material.candidates)
    claims = attack.run(access, material.own, attack.settings(), work)
    keep_scores(run, attack.name, claims)
    return {"views": [claim.view for claim in claims]}


def blind_cell(run: Run, material: Material, seed: int) -> dict:
    """The blind baseline on the same patients."""
    names, features = blind_features_of(material.candidates)
    roles = np.array([material.roles[name] for name in names])
    found = blind_test(features, roles, Seeds(seed).child("audit", "blind").numpy())
    return {"control": blind_control(found).model_dump(mode="json")}


def planted_cell(run: Run, material: Material, attacks: Sequence[Attack], seed: int, steps: int) -> dict:
    """Train a copy on with some non-members until every attack finds them among the others, or for so many `steps`."""
    seeds = Seeds(seed).child("audit", "planted")
    others = material.group(NON_MEMBER)
    who = planting.chosen(others, seeds)
    if len(who) < 2 or material.target.forward is not material.target.module:
        return {"controls": [], "patients": 0}
    images, found, taken = material.images.of(others), {}, 0
    for copied, taken, loss in planting.trained_on(material.target, material.images.of(who), seeds, steps):
        run.log(PLANTED_CELL, "round", step=taken, loss=loss)
        for attack in attacks:
            claims = attack.run(
                access_of(attack.access, copied, images), None, attack.settings(), _work(run, attack, seed)
            )
            found[attack.name] = strongest_planted(attack.name, claims, set(who))
        if all(control.passed for control in found.values()):
            break
    return {"controls": [one.model_dump(mode="json") for one in found.values()], "patients": len(who), "steps": taken}


def strongest_planted(attack: str, claims: Sequence[Scores], planted: set[str]) -> Control:
    """The control of the view that finds the planted best: an attack is as strong as the best of its views."""
    controls = []
    for claim in claims:
        mine = np.array([patient in planted for patient in claim.patients])
        controls.append(planted_control(attack, claim.scores[mine], claim.scores[~mine]))
    return max(controls, key=lambda control: control.value or 0.0)


def controls_of(cells: dict[str, dict]) -> list[Control]:
    """What the cells of the controls returned."""
    return [Control(**cells[BLIND_CELL]["control"]), *(Control(**one) for one in cells[PLANTED_CELL]["controls"])]


def keep_scores(run: Run, attack: str, claims: Sequence[Scores]) -> None:
    """Keep claims in RUN/private: who looks how member-like is patient data."""
    from remnant.base.files import atomic_path

    folder = run.private / "scores"
    folder.mkdir(exist_ok=True, mode=0o700)
    with atomic_path(folder / f"{attack}.npz") as temporary:
        arrays = {f"scores_{i}": claim.scores for i, claim in enumerate(claims)}
        np.savez(temporary, views=[claim.view for claim in claims], patients=np.array(claims[0].patients), **arrays)


def scored(run: Run, material: Material, attack: Attack) -> list[Scored]:
    """The kept claims of an attack with the roles, which it was not told."""
    with np.load(run.private / "scores" / f"{attack.name}.npz") as kept:
        patients = tuple(map(str, kept["patients"]))
        roles = np.array([material.roles[patient] for patient in patients])
        return [
            Scored(attack.name, str(view), patients, kept[f"scores_{i}"], roles, attack.primary and i == 0)
            for i, view in enumerate(kept["views"])
        ]


def cohort_of(material: Material) -> dict[str, int | str]:
    """Counts for the decision sheet."""
    candidates = material.candidates
    return {
        "patients": len(dict.fromkeys(candidates.patients)),
        "members": len(material.group(MEMBER)),
        "non_members": len(material.group(NON_MEMBER)),
        "images": len(candidates),
        "unit": "patient",
    }


def traits_of(material: Material) -> tuple[tuple[str, ...], np.ndarray, dict[str, np.ndarray]]:
    """Patients, their roles, and what is known of each beside the images."""
    from remnant.cohort.images import patient_means

    candidates = material.candidates
    counts = {name: candidates.patients.count(name) for name in dict.fromkeys(candidates.patients)}
    names = tuple(counts)
    traits = {name: patient_means(values, candidates.patients)[1] for name, values in candidates.details.items()}
    traits["images"] = np.array([counts[name] for name in names], dtype=float)
    return names, np.array([material.roles[name] for name in names]), traits


def _work(run: Run, attack: Attack, seed: int) -> Work:
    folder = run.private / "work" / attack.name
    return Work(
        Seeds(seed).child("attack", attack.name),
        folder,
        lambda note: run.log(f"attack-{attack.name}", "note", note=note),
    )
