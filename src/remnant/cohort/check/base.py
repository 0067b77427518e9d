"""What every check is: it looks at each scan once, then says what it found."""

from remnant.cohort.check.finding import Finding
from remnant.cohort.check.subject import Scan, Subject


class Check:
    """One check. A new one overrides either method and is put into `CHECKS`."""

    name: str

    def look(self, scan: Scan) -> None:
        """Remember what is needed of one scan; its voxels are gone afterwards."""

    def findings(self, subject: Subject) -> list[Finding]:
        """What was found, after every scan was seen."""
        raise NotImplementedError
