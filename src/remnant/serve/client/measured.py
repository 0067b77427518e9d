"""What an evaluation says of an encoder whose codes leave: by itself a code hides nobody."""

from pathlib import Path

from remnant.base.errors import RemnantError
from remnant.base.findings import AuditResults, Finding
from remnant.base.terms import MAPS
from remnant.base.terms import measured as said
from remnant.base.texts import short
from remnant.defenses.privacynet.networks import ENCODER, MARK

FILE = "results.json"


def measured(encoder: Path, mark: str) -> str:
    """The verdict of `remnant protect evaluate` on this encoder, which lies beside its run as RUN-evaluation, and the first of
    its reasons; or that there is none.
    """
    found = _evaluation(encoder, mark)
    if isinstance(found, str):
        return found
    reason = f" {short(found.verdict.reasons[0], 300)}" if found.verdict.reasons else ""
    return f"Measured of this encoder: {found.verdict.sentence}{reason}"


def measured_of_labels(encoder: Path, mark: str) -> str:
    """What that evaluation found by segmentations alone, which label maps are at least as exact as, in a sentence; or where such
    numbers are.
    """
    found = _evaluation(encoder, mark)
    rows = [] if isinstance(found, str) else [one for one in found.findings if one.view == MAPS and not one.where]
    drawn = _first(rows, "rank1", "singling out")
    pairs = _first(rows, "verification_auc", "linkability")
    if drawn is None or pairs is None:
        return (
            "How many were found by segmentations alone in our study, says docs/results/README.md under 'From a code'; `remnant "
            "protect evaluate` measures it of this encoder."
        )
    return (
        f"Measured of this encoder, by segmentations alone: the scans of {drawn.counts} are identified, and two visits of one "
        f"patient are told from those of two with an AUC of {said(pairs)} ({pairs.n} patients)."
    )


def _first(rows: list[Finding], statistic: str, criterion: str) -> Finding | None:
    return next((one for one in rows if (one.statistic, one.criterion) == (statistic, criterion)), None)


def _evaluation(encoder: Path, mark: str) -> AuditResults | str:
    """The results of an evaluation of this encoder, or a sentence that there are none."""
    given = Path(encoder).resolve()
    # A run, a folder of its files, or the file in either.
    runs = (given, given.parent, given.parent.parent)
    path = next((path for run in runs if (path := run.parent / f"{run.name}-evaluation" / FILE).is_file()), None)
    if path is None:
        return f"Nobody has measured what codes of this encoder tell of a patient: remnant protect evaluate {encoder}"
    try:
        results = AuditResults.read(path)
    except RemnantError as error:
        return f"What codes of this encoder tell of a patient is not known: {error}"
    if results.checkpoints.get(ENCODER, "")[:MARK] != mark:
        return f"The evaluation {path.parent} is of another encoder: remnant protect evaluate {encoder}"
    return results
