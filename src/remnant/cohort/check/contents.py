"""What is there: the layout, how many patients, sessions and scans, and whether every file can be read."""

from pathlib import Path

from remnant.base.texts import counted
from remnant.cohort.check.base import Check, CheckFinding, errors, finding
from remnant.cohort.check.subject import Scan, Subject
from remnant.cohort.files.volume import holds_nan


class Contents(Check):
    """Counts, and files that cannot be read."""

    name = "contents"

    def __init__(self) -> None:
        self.masked: list[Path] = []

    def look(self, scan: Scan) -> None:
        # Only then may the least value be one that was filled in.
        if (
            scan.case
            and scan.array.ndim == 3
            and scan.array[0, 0, 0] == min(0, scan.array.min())
            and holds_nan(scan.path)
        ):
            self.masked.append(scan.path)

    def findings(self, subject: Subject) -> list[CheckFinding]:
        found = errors(self.name, subject.unreadable, "images cannot be read", subject.root)
        if self.masked:
            text = (
                f"{counted(len(self.masked), 'image holds', 'images hold')} NaN around the head, which is taken for "
                "background."
            )
            found.append(finding(self.name, "warning", text, self.masked, subject.root))
        return [*found, *(finding(self.name, "warning", note) for note in subject.notes)]


def counts(subject: Subject) -> dict[str, int | str]:
    """Layout and numbers of patients, sessions (of all patients) and scans."""
    if subject.cohort is None:
        patients = {patient for patient, _ in subject.series}
        visits = {
            (patient, str(one.header.get("StudyInstanceUID", "")))
            for (patient, _), files in subject.series.items()
            for one in files
        }
        named = {"layout": "DICOM", "patients": len(patients), "sessions": len(visits), "scans": len(subject.series)}
        return named | {"files": len(subject.dicom)}
    cohort = subject.cohort
    return {
        "layout": cohort.layout,
        "patients": len(cohort.patients),
        "sessions": len({(case.patient, case.visit or case.session) for case in cohort.cases}),
        "scans": len(cohort.cases),
        "files": len(subject.files),
    }
