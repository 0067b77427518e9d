"""The pieces of the study beside trainings: what the audit of codes attacks and measures, a view of a variant each."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from remnant.attacks.attack import PairScores
from remnant.attacks.code_attributes import CODE_ATTRIBUTES
from remnant.attacks.code_inversion import CODE_INVERSION
from remnant.attacks.registry import all_attacks
from remnant.attacks.verification import VERIFICATION
from remnant.audit.cells.blind import blind_of
from remnant.audit.cells.code_cells import Shown, drawn_of, pairs_of
from remnant.audit.cells.kept import keep_pairs, keep_reconstructions
from remnant.audit.findings.pairs import ScanPairs
from remnant.audit.findings.rows import interval_columns
from remnant.audit.materials.code_material import attacked_of, roles_of
from remnant.base.results import Row, number
from remnant.base.run import Run
from remnant.base.seeds import Seeds
from remnant.measure.retrieval import retrieval
from remnant.studies.kim2019.materials import at_first_visits, kept_scans, material
from remnant.studies.kim2019.settings import StudySettings


def audit_cell(
    run: Run,
    variant: str,
    work: Callable[..., dict[str, Any]],
    settings: StudySettings,
    attack: str = "",
    second: Sequence[str] = (),
    first: bool = False,
    **more: Any,
) -> dict[str, Any]:
    """A cell of the audit, `work`, on one variant, with the `attack` of this name where it is of one; `first`: on the first scan
    of each patient alone. `more`: arguments of `work`."""
    given = {"attack": all_attacks()[attack]} if attack else {}
    own = material(run, variant, settings, second, looks=attack == CODE_ATTRIBUTES.name)
    return work(run.part(variant), material=at_first_visits(own) if first else own, seed=settings.seed, **given, **more)


def blind_cell(run: Run, settings: StudySettings) -> dict[str, Any]:
    """The blind baseline: training patients against test patients by their scans, ages and sexes alone."""
    scans = kept_scans(run)
    images, roles = attacked_of(scans), roles_of(scans)
    names = tuple(dict.fromkeys(images.patients))
    # Where visits are simulated, `roles.deal` does not spread the patients with several.
    spread = settings.net.revisits is None
    matched = np.array([images.patients.count(name) for name in names]) if spread else None
    found = blind_of(images, np.array([roles[name] for name in names]), settings.seed, matched=matched)
    return {"controls": [found.model_dump(mode="json")]}


def pairs_cell(run: Run, variant: str, shown: Shown, settings: StudySettings) -> dict[str, Any]:
    """Every adversary on pairs of what is shown; `retrieval`: how well those that embed lead to the patient's other scans."""
    part, own = run.part(variant), material(run, variant, settings, looks=True)
    claims, asked = pairs_of(part, own, VERIFICATION, settings.seed, shown)
    keep_pairs(part, claim_of(VERIFICATION.name, shown), asked.told(claims))
    return {"retrieval": _retrieved(claims, asked, Seeds(settings.seed).child("retrieval", variant, shown))}


def inversion_cell(run: Run, variant: str, shown: Shown, settings: StudySettings) -> dict[str, Any]:
    """Reconstruct the scans of test patients from what is shown."""
    part, own = run.part(variant), material(run, variant, settings, looks=True)
    keep_reconstructions(
        part, claim_of(CODE_INVERSION.name, shown), drawn_of(part, own, CODE_INVERSION, settings.seed, shown)
    )
    return {}


def claim_of(attack: str, shown: str) -> str:
    """By what name is kept what an attack made of one of the views."""
    return f"{attack}-{shown}"


def _retrieved(claims: Sequence[PairScores], asked: ScanPairs, seeds: Seeds) -> dict[str, Row]:
    """Mean average precision by adversary, with what chance gives, among the scans of the first kind."""
    first = np.unique(asked.places[[where == asked.where[0] for where in asked.where]])
    whose = [asked.patients[i] for i in first]
    found = {
        claim.adversary: retrieval(claim.embeddings[first], whose, seeds.child(claim.adversary).numpy())
        for claim in claims
        if claim.embeddings is not None
    }
    return {
        name: interval_columns("precision", one.mean_average_precision) | {"precision_chance": number(one.chance)}
        for name, one in found.items()
    }
