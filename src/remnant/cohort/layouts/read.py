"""From a directory to a cohort, whichever of the known layouts it has."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType

from remnant.base.errors import RemnantError
from remnant.base.files import files_below, require_utf8
from remnant.base.progress import say
from remnant.cohort.case import PHANTOMS, Cohort
from remnant.cohort.files.dicom import is_dicom
from remnant.cohort.files.series import is_placed
from remnant.cohort.layouts import bids, chexpert, downloads, folder, lpba40, manifest, mrbrains, nih, nnunet, ppmi

TABLED = (manifest, bids, nnunet, lpba40, ppmi, mrbrains, chexpert, nih)
LAYOUTS = (*TABLED, *downloads.SETS, folder)


def tabled(directory: Path) -> list[ModuleType | downloads.Downloaded]:
    """The layouts that `directory` has, but for a plain folder, which is what has no table: other layouts hold pictures, too.

    A table of one's own goes before the names that a set was downloaded with.
    """
    found = [layout for layout in TABLED if layout.recognises(directory)]
    return found or [layout for layout in downloads.SETS if layout.recognises(directory)]


def read_cohort(directory: Path, *, tell: Callable[[str], None] = say) -> Cohort:
    """Read the cohort in `directory` and `tell` its notes; raise `RemnantError` for a directory of no known layout or of two."""
    directory = Path(directory)
    if directory.is_file():
        raise RemnantError(
            f"{directory} is a file; give the directory of a cohort, of an archive the one it is unpacked to."
        )
    if not directory.is_dir():
        raise RemnantError(f"The data directory {directory} does not exist; check the path.")
    require_utf8(directory)
    found = tabled(directory)
    if not found and folder.recognises(directory):
        first = next((path for path in files_below(directory) if is_dicom(path)), None)
        if first and is_placed(first):
            raise RemnantError(
                f"{directory} holds DICOM series and nothing that says what they are of; write {directory / 'manifest.csv'} "
                "with the columns image (a series' folder, or any file of it), label (its label map), subject_id, session_id, "
                "age and sex."
            )
        found = [folder]
    if len(found) > 1:
        raise RemnantError(
            f"{directory} has two layouts, {found[0].LOOKED_FOR} and {found[1].LOOKED_FOR}; move one of them away."
        )
    if found:
        name, _, _ = found[0].LOOKED_FOR.partition(" (")
        cohort = replace(found[0].read(directory), layout=name, phantoms=(directory / PHANTOMS).is_file())
        for note in cohort.notes:
            tell(f"remnant: {directory}: {note.text}")
        return cohort
    inside = [child for child in sorted(directory.iterdir()) if child.is_dir() and tabled(child)]
    if len(inside) == 1:
        raise RemnantError(f"{directory} is the folder around the cohort; give {inside[0]}.")
    *most, last = (layout.LOOKED_FOR for layout in LAYOUTS)
    raise RemnantError(f"The layout of {directory} is not known; looked for {', '.join(most)} or {last}.")
