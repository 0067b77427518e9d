"""Membership by two versions of a model: who was added between them is fit better by the later one."""

import numpy as np

from remnant.attacks.attack import Attack, PatientScores, Work, without_labels
from remnant.attacks.membership.references import signals_of
from remnant.base.config import Settings
from remnant.cohort.images import Images, patient_means
from remnant.targets.audited import Audited
from remnant.targets.seen import SeenOutputs

CHANGE = "change of {} since the version before"


def by_versions(access: SeenOutputs, own: Images | None, settings: Settings, work: Work) -> list[PatientScores]:
    """A claim a signal: how much better the model fits a patient than its version before does (Jagielski et al. 2022, the
    difference of scores), means over his images."""
    assert access.before
    found: list[dict[str, np.ndarray]] = []
    for words, ask in (("the audited model", access.ask), ("the version before", access.before)):
        work.tell(words)
        found.append(signals_of(access.head, access.candidates, ask, classes=False))
    now, before = found
    patients = access.candidates.patients
    return [
        PatientScores(CHANGE.format(name), *patient_means(values - before[name], patients))
        for name, values in now.items()
    ]


def _updated(target: Audited, candidates: Images, own: Images | None) -> str:
    return without_labels(candidates) if target.before else "no version before this one was handed over"


VERSIONS = Attack(
    "versions",
    "a threshold on how much better the model fits a patient than its version before does",
    access="outputs",
    claim="patient_scores",
    run=by_versions,
    source="Jagielski et al. 2022, arXiv 2205.06369; Sequential membership inference attacks 2026, arXiv 2602.16596",
    applies=_updated,
    needs="the weights of the version before, `version_before` in [target]",
    asks="added",
)
