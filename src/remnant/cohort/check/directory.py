"""All checks on one directory, in one pass over its scans."""

from dataclasses import dataclass
from pathlib import Path

from remnant.base.progress import Task
from remnant.cohort.check.base import Check, CheckFinding
from remnant.cohort.check.contents import Contents, counts
from remnant.cohort.check.dicom_header import DicomHeader
from remnant.cohort.check.duplicates import Duplicates
from remnant.cohort.check.labels import Labels
from remnant.cohort.check.links import Fingerprints, Link
from remnant.cohort.check.names import Names
from remnant.cohort.check.nifti_header import NiftiHeader
from remnant.cohort.check.reading import ReadingNotes
from remnant.cohort.check.sides import LeftAndRight
from remnant.cohort.check.subject import open_subject
from remnant.cohort.check.text import Text
from remnant.cohort.files.dicom import quiet_pydicom

CHECKS: tuple[type[Check], ...] = (
    Contents,
    ReadingNotes,
    Labels,
    LeftAndRight,
    Duplicates,
    NiftiHeader,
    DicomHeader,
    Names,
    Text,
    Fingerprints,
)
WORST_FIRST = ("error", "warning")


@dataclass(frozen=True)
class Report:
    """`counts`: layout and numbers; `findings`: the worst first; `links`: what each fingerprint betrays."""

    counts: dict[str, int | str]
    findings: tuple[CheckFinding, ...]
    links: tuple[Link, ...]

    @property
    def failed(self) -> bool:
        return any(one.severity == "error" for one in self.findings)


@quiet_pydicom()
def check_directory(directory: Path, *, quiet: bool = False) -> Report:
    """Check the cohort or DICOM folder `directory`; raise `RemnantError` where there is neither."""
    subject = open_subject(directory)
    checks = [check() for check in CHECKS]
    with Task("Checking scans", subject.count, quiet=quiet) as task:
        for scan in subject.scans():
            for check in checks:
                check.look(scan)
            task.advance()
    found = [one for check in checks for one in check.findings(subject)]
    links = [one for check in checks if isinstance(check, Fingerprints) for one in check.links()]
    order = sorted(found, key=lambda one: WORST_FIRST.index(one.severity))
    return Report(counts(subject), tuple(order), tuple(links))
