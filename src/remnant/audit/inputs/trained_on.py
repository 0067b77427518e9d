"""Who of a cohort trained a Privacy-Net: by the names of patients, held against the scans that its training kept note of."""

from collections.abc import Collection
from dataclasses import dataclass

from remnant.base.errors import RemnantError
from remnant.base.run import Run
from remnant.base.texts import counted
from remnant.cohort.case import Cohort
from remnant.cohort.unchanged import files_of, kept_files
from remnant.cohort.visits import FEWEST, Role, check_roles
from remnant.defenses.privacynet.train import DATA, patients_of


@dataclass(frozen=True)
class TrainedOn:
    """`roles`: "training" or "test" of each patient of a cohort; `doubts` that these are right, a sentence each."""

    roles: dict[str, Role]
    doubts: tuple[str, ...] = ()


def training_patients_of(training: Run, cohort: Cohort, *, simulated: bool) -> TrainedOn:
    """Whom of `cohort` the networks of `training` were trained on; `simulated`: two visits of each are.

    Raises `RemnantError` where these or the others are too few, and for scans of the training under the name of somebody else,
    who would be attacked as unseen.
    """
    names = set(patients_of(training)["training"])
    roles: dict[str, Role] = {patient: "training" if patient in names else "test" for patient in cohort.patients}
    own = sum(role == "training" for role in roles.values())
    if own < FEWEST:
        raise RemnantError(
            f"{cohort.root} has {own} of the {counted(len(names), 'patient')} that trained {training.path}; the attacker learns "
            "from these, so give the cohort of the training, its patients called as there."
        )
    if len(roles) - own < FEWEST:
        raise RemnantError(
            f"{cohort.root} has {counted(len(roles) - own, 'patient')} besides those that trained {training.path}; add {FEWEST} "
            "or more, such as those that its training held out."
        )
    check_roles(cohort, roles, simulated=simulated)
    return TrainedOn(roles, _doubts(training, cohort, names))


def _doubts(training: Run, cohort: Cohort, names: Collection[str]) -> tuple[str, ...]:
    before, now = kept_files(training, DATA), files_of(cohort)
    seen = {digest for case, digest in before.items() if case.partition(":")[0] in names}
    known = {case.patient for case in cohort.cases if now[case.case_id] in seen}
    if renamed := known - {*names}:
        raise RemnantError(
            f"{cohort.root} has scans that {training.path} was trained on, of {counted(len(renamed), 'patient')} called "
            "otherwise there, who would be attacked as unseen; call patients as in the training."
        )
    if not before or not (strangers := {*cohort.patients} & {*names} - known):
        return ()
    return (
        f"Of {counted(len(strangers), 'patient')} who by name trained the networks no scan is one that these were trained on: "
        "others may be called the same, or files were written anew. Give the cohort of the training.",
    )
