"""What a report says first of its cohorts, and what the log keeps of how they were read."""

from pathlib import Path

from remnant.base.run import Run
from remnant.cohort.case import Case, Cohort, Note
from remnant.cohort.notes import log_notes, phantom_notices


def test_phantoms_are_named_before_any_number():
    def cohort(name, phantoms):
        return Cohort(name, Path(name), (Case("p1", "1", Path("i")),), phantoms=phantoms)

    assert phantom_notices([cohort("a", False)]) == []
    assert phantom_notices([cohort("a", True), cohort("b", True)]) == [
        "All 2 patients are phantoms, drawn by Remnant: nothing here was measured on real patients."
    ]
    assert phantom_notices([cohort("a", True)])[0].startswith("The patient is a phantom, drawn by Remnant:")
    assert phantom_notices([cohort("a", True), cohort("b", False)]) == [
        "1 of the patients is a phantom, drawn by Remnant: a."
    ]


def test_what_the_reading_of_a_cohort_decided_is_in_the_log(tmp_path):
    cohort = Cohort("brains", tmp_path, (), notes=(Note("2 ages are unknown.", (tmp_path / "a", tmp_path / "b")),))
    with Run.start(tmp_path / "run", "study", {}, resume=False) as run:
        log_notes(run, cohort, Cohort("others", tmp_path, ()))
        (found,) = [one for one in run.events() if one["event"] == "note"]
    assert (found["name"], found["text"], found["files"]) == ("brains", "2 ages are unknown.", 2)
