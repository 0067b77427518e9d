"""Membership of persons: whether a patient trained the model, by scans of him that did not."""

from dataclasses import replace

from remnant.attacks.attack import Attack, PatientScores, Work
from remnant.attacks.membership.output import by_output
from remnant.base.config import Settings
from remnant.cohort.images import Images
from remnant.targets.audited import Audited
from remnant.targets.seen import SeenOutputs

OTHER_SCANS = "{}, other scans than those that trained"
VIEWS = 2  # of those by the model's answer: the primary one, and the first beside it


def by_other_scans(access: SeenOutputs, own: Images | None, settings: Settings, work: Work) -> list[PatientScores]:
    """The first claims by the model's answer (`output.by_output`), of images that did not train the model."""
    claims = by_output(access, own, settings, work)[:VIEWS]
    return [replace(claim, view=OTHER_SCANS.format(claim.view)) for claim in claims]


def _seen_again(target: Audited, candidates: Images, own: Images | None) -> str:
    return "" if len(candidates) else "no images of members were handed over that did not train the model"


PERSONS = Attack(
    "persons",
    "a threshold on the model's answer about images of a patient other than those that trained it",
    access="outputs",
    claim="patient_scores",
    run=by_other_scans,
    source="Yeom et al. 2018, arXiv 1709.01604, of other images of the same person",
    applies=_seen_again,
    needs="images of members that did not train, trained=False in their items",
    asks="person",
)
