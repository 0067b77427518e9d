"""From a directory to a cohort, whichever of the known layouts it has."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType

from remnant.base.errors import RemnantError
from remnant.base.progress import say
from remnant.cohort import bids, lpba40, manifest, mrbrains, nnunet, ppmi
from remnant.cohort.case import Cohort
from remnant.cohort.phantoms import NOTE
from remnant.cohort.radiograph import chexpert, folder, nih

LAYOUTS = (manifest, bids, nnunet, lpba40, ppmi, mrbrains, chexpert, nih, folder)


def tabled(directory: Path) -> list[ModuleType]:
    """The layouts that `directory` has, but for a plain folder, which is what has no table: other layouts hold pictures, too."""
    return [layout for layout in LAYOUTS if layout is not folder and layout.recognises(directory)]


def read_cohort(directory: Path, *, tell: Callable[[str], None] = say) -> Cohort:
    """Read the cohort in `directory` and `tell` its notes; raise `RemnantError` for a directory of no known layout or of two."""
    directory = Path(directory)
    if directory.is_file():
        raise RemnantError(
            f"{directory} is a file; give the directory of a cohort, of an archive the one it is unpacked to."
        )
    if not directory.is_dir():
        raise RemnantError(f"The data directory {directory} does not exist; check the path.")
    found = tabled(directory)
    if not found and folder.recognises(directory):
        found = [folder]
    if len(found) > 1:
        raise RemnantError(
            f"{directory} has two layouts, {found[0].LOOKED_FOR} and {found[1].LOOKED_FOR}; move one of them away."
        )
    if found:
        name, _, _ = found[0].LOOKED_FOR.partition(" (")
        cohort = replace(found[0].read(directory), layout=name, phantoms=(directory / NOTE).is_file())
        for note in cohort.notes:
            tell(f"remnant: {directory}: {note.text}")
        return cohort
    *most, last = (layout.LOOKED_FOR for layout in LAYOUTS)
    raise RemnantError(f"The layout of {directory} is not known; looked for {', '.join(most)} or {last}.")
