"""Whether headers say where left is, and once."""

from collections import defaultdict
from pathlib import Path

from remnant.base.texts import counted
from remnant.cohort.check.base import Check, CheckFinding, finding
from remnant.cohort.check.subject import Scan, Subject
from remnant.cohort.prepare.space import WORDS, Sides, sides_of


class LeftAndRight(Check):
    """Left that is assumed, or said twice, is worth a look; that a mix is an error, `Labels` says as preparation does."""

    name = "sides"

    def __init__(self) -> None:
        self.doubtful: dict[Sides, list[Path]] = defaultdict(list)

    def look(self, scan: Scan) -> None:
        if scan.case is not None and scan.array.ndim == 3 and (sides := sides_of(scan.case)) != "said":
            self.doubtful[sides].append(scan.path)

    def findings(self, subject: Subject) -> list[CheckFinding]:
        return [
            finding(
                self.name,
                "warning",
                f"The header of {counted(len(paths), 'scan')} {WORDS[sides]}; see where left is, and export all with "
                "one transform.",
                paths,
                subject.root,
            )
            for sides, paths in sorted(self.doubtful.items())
        ]
