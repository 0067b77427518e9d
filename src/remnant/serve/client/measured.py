"""What an evaluation says of an encoder whose codes leave: by itself a code hides nobody."""

from pathlib import Path

from remnant.base.errors import RemnantError
from remnant.base.results import Results
from remnant.base.texts import short
from remnant.defenses.privacynet.networks import ENCODER, MARK

FILE = "results.json"


def measured(encoder: Path, mark: str) -> str:
    """The headline of `remnant protect evaluate` on this encoder, which lies beside its run as RUN-evaluation, in a sentence; or
    that there is none.
    """
    found = _evaluation(encoder, mark)
    return found if isinstance(found, str) else f"Measured of this encoder: {found.headline}"


def measured_of_labels(encoder: Path, mark: str) -> str:
    """What that evaluation found by segmentations alone, which label maps are at least as exact as, in a sentence; or where such
    numbers are.
    """
    found = _evaluation(encoder, mark)
    rows = () if isinstance(found, str) else [row for row in found.tables.get("headline", ()) if row.get("map_n")]
    if len(rows) != 1:
        return (
            "How many were found by segmentations alone in our study, says docs/results/README.md under 'From a code'; `remnant "
            "protect evaluate` measures it of this encoder."
        )
    (row,) = rows
    return (
        f"Measured of this encoder, by segmentations alone: {row['map_rank1_count']} of {row['map_n']} patients' scans are "
        f"found, and two visits are told from two patients with an AUC of {row['map']:.2f} ({row['map_patients']} patients)."
    )


def _evaluation(encoder: Path, mark: str) -> Results | str:
    """The results of an evaluation of this encoder that say something, or a sentence that there are none."""
    given = Path(encoder).resolve()
    # A run, a folder of its files, or the file in either.
    runs = (given, given.parent, given.parent.parent)
    path = next((path for run in runs if (path := run.with_name(f"{run.name}-evaluation") / FILE).is_file()), None)
    if path is None:
        return f"Nobody has measured what codes of this encoder tell of a patient: remnant protect evaluate {encoder}"
    try:
        results = Results.read(path)
    except RemnantError as error:
        return f"What codes of this encoder tell of a patient is not known: {error}"
    if results.checkpoints.get(ENCODER, "")[:MARK] != mark:
        return f"The evaluation {path.parent} is of another encoder: remnant protect evaluate {encoder}"
    if results.no_conclusion:
        return f"The evaluation of this encoder supports no verdict: {short(results.no_conclusion[0], 300)}"
    return results
