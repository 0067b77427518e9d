"""What was decided when the cohort was read, and what in its tables contradicts itself."""

from remnant.cohort.check.base import Check
from remnant.cohort.check.finding import Finding, finding
from remnant.cohort.check.subject import Subject


class Reading(Check):
    """The cohort's own notes; each is worth a look."""

    name = "reading"

    def findings(self, subject: Subject) -> list[Finding]:
        notes = subject.cohort.notes if subject.cohort else ()
        return [finding(self.name, "warning", note.text, note.files, subject.root) for note in notes]
