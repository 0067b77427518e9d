"""From a directory to a cohort, whichever of the known layouts it has."""

from pathlib import Path

from remnant.base.errors import RemnantError
from remnant.cohort import bids, manifest
from remnant.cohort.case import Cohort

# In the order they are tried.
LAYOUTS = (manifest, bids)


def read_cohort(directory: Path) -> Cohort:
    """Read the cohort in `directory`; raise `RemnantError` for a directory of no known layout."""
    directory = Path(directory)
    if not directory.is_dir():
        raise RemnantError(f"The data directory {directory} does not exist; check the path.")
    for layout in LAYOUTS:
        if layout.recognises(directory):
            return layout.read(directory)
    looked_for = " or ".join(layout.LOOKED_FOR for layout in LAYOUTS)
    raise RemnantError(f"The layout of {directory} is not known; looked for {looked_for}.")
