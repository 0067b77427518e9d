"""What every check is, and what it finds: one thing that is wrong, in how many files, how to mend it; never the value itself."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from remnant.cohort.check.subject import Scan, Subject

# error: wrong, or says who somebody is; warning: worth a look, or undone by the preparation.
Severity = Literal["error", "warning"]
EXAMPLES = 3


@dataclass(frozen=True)
class CheckFinding:
    """`text`: one sentence, without the identifier that was found; `files`: how many; `examples`: some of them."""

    check: str
    severity: Severity
    text: str
    files: int = 0
    examples: tuple[str, ...] = ()


def finding(
    check: str, severity: Severity, text: str, paths: Iterable[Path] = (), root: Path | None = None
) -> CheckFinding:
    """A finding about these files, shown as seen from `root`."""
    paths = list(dict.fromkeys(paths))
    shown = (str(path.relative_to(root)) if root and path.is_relative_to(root) else path.name for path in paths)
    return CheckFinding(check, severity, text, len(paths), tuple(sorted(shown)[:EXAMPLES]))


def errors(check: str, reasons: Mapping[Path, str], what: str, root: Path) -> list[CheckFinding]:
    """An error a file, each with its reason; of more than three whose reasons differ in names and numbers alone, one for all."""
    alike = defaultdict(dict)
    for path, reason in reasons.items():
        alike[re.sub(r"\S*[/.\d]\S*", "", reason)][path] = reason
    found = []
    for those in alike.values():
        if len(those) > 3:
            text = f"{len(those)} {what}, the first because: {next(iter(those.values()))}"
            found.append(finding(check, "error", text, those, root))
        else:
            found += [finding(check, "error", text, [path], root) for path, text in those.items()]
    return found


class Check:
    """One check. A new one overrides either method and is put into `CHECKS`."""

    name: str

    def look(self, scan: Scan) -> None:
        """Remember what is needed of one scan; its voxels are gone afterwards."""

    def findings(self, subject: Subject) -> list[CheckFinding]:
        """What was found, after every scan was seen."""
        raise NotImplementedError
