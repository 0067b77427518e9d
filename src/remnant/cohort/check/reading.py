"""What was decided when the cohort was read, and what in its tables contradicts itself."""

from remnant.base.texts import counted
from remnant.cohort.check.base import Check, CheckFinding, finding
from remnant.cohort.check.subject import Subject


class ReadingNotes(Check):
    """The cohort's own notes; each is worth a look."""

    name = "reading"

    def findings(self, subject: Subject) -> list[CheckFinding]:
        notes = subject.cohort.notes if subject.cohort else ()
        found = [finding(self.name, "warning", note.text, note.files, subject.root) for note in notes]
        if subject.cohort is None and (nameless := [one.path for one in subject.dicom if one.nameless]):
            text = (
                f"{counted(len(nameless), 'file has', 'files have')} no PatientID or one that stands for nobody, such "
                "as ANONYMOUS; each study counts as "
                "a patient."
            )
            found.append(finding(self.name, "warning", text, nameless, subject.root))
        return found
