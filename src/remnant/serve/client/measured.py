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
    return f"Measured of this encoder: {results.headline}"
