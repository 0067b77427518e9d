"""What a reader must know of cohorts: that patients are phantoms, and what the reading decided and doubted."""

from collections.abc import Iterable

from remnant.base.run import Run
from remnant.base.texts import counted
from remnant.cohort.case import Cohort


def log_notes(run: Run, *cohorts: Cohort) -> None:
    """Keep in the run's log what the reading of its cohorts decided and doubted."""
    for cohort in cohorts:
        for note in cohort.notes:
            run.log("cohort", "note", name=cohort.name, text=note.text, files=len(note.files))


def phantom_notices(cohorts: Iterable[Cohort]) -> list[str]:
    """What a report must say first where patients are phantoms, once a kind of cohort."""
    cohorts = list(cohorts)
    drawn = [cohort for cohort in cohorts if cohort.phantoms]
    if not drawn:
        return []
    patients = sum(len(cohort.patients) for cohort in drawn)
    if len(drawn) == len(cohorts):
        who = "The patient is a phantom" if patients == 1 else f"All {patients} patients are phantoms"
        return [f"{who}, drawn by Remnant: nothing here was measured on real patients."]
    some = counted(patients, "of the patients is a phantom", "of the patients are phantoms")
    return [f"{some}, drawn by Remnant: {', '.join(cohort.name for cohort in drawn)}."]
