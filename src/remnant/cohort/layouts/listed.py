"""A table of radiographs anywhere, whose columns are called as whoever made it called them."""

from collections.abc import Mapping, Set
from dataclasses import replace
from pathlib import Path

from remnant.base.errors import RemnantError
from remnant.cohort.case import PHANTOMS, Case, Cohort, Note
from remnant.cohort.layouts.manifest import split_findings
from remnant.cohort.layouts.people import parse_age, parse_sex, unread
from remnant.cohort.layouts.table import make_cohort, read_table

# What a column means to us, and what it is called unless somebody says otherwise; the first three must be there.
COLUMNS = {
    "image": "image",
    "patient": "subject_id",
    "split": "split",
    "finding": "finding",
    "age": "age",
    "sex": "sex",
    "session": "session_id",
    "view": "view",
}
EXAMPLE = "image=Path,patient=PatientID,split=fold"
NEEDED = ("image", "patient", "split")


def parse_columns(text: str) -> dict[str, str]:
    """ "image=Path,patient=PatientID" as a mapping; raises `RemnantError` for what is no such list, or means nothing to us."""
    pairs = [part.partition("=") for part in text.split(",")]
    for meaning, sign, name in pairs:
        if meaning.strip() not in COLUMNS or not sign or not name.strip():
            raise RemnantError(
                f"Columns are given as image=Path,patient=PatientID, for any of {', '.join(COLUMNS)}. Got "
                f"'{meaning}{sign}{name}' instead."
            )
    found = {meaning.strip(): name.strip() for meaning, _, name in pairs}
    if len(found) < len(pairs):
        raise RemnantError(f"Columns name each meaning once. Got '{text}' instead.")
    return found


def read_listed(path: Path, columns: Mapping[str, str]) -> Cohort:
    """The cohort that the table `path` lists, its columns called as `columns` says and else as in `COLUMNS`.

    Paths of images are relative to the table's folder. Without a column of sessions the images of a patient are numbered.
    Raises one `RemnantError` for all that is wrong: a table that cannot be read, lacks a column that is needed or was named, or
    lists files that are not there.
    """
    names = {**COLUMNS, **columns}
    needed = [name for meaning, name in names.items() if meaning in {*NEEDED, *columns}]
    notes: list[Note] = []
    optional = [name for name in names.values() if name not in needed]
    table = read_table(path, needed, optional, notes, mend=f"say by --columns what it is called, such as {EXAMPLE}")

    def column(meaning: str) -> list[str]:
        return list(table[names[meaning]]) if names[meaning] in table.columns else [""] * len(table)

    cases = [
        Case(
            patient=patient,
            session=session or "1",
            image=path.parent / image,
            age=parse_age(age),
            sex=parse_sex(sex),
            findings=split_findings(finding),
            view=view or None,
            split=split or None,
        )
        for image, patient, split, finding, age, sex, session, view in zip(*map(column, COLUMNS), strict=True)
    ]
    notes += unread(path, column("age"), column("sex"))
    cohort = make_cohort(path.parent, cases, {}, path.name, notes)
    return replace(cohort, phantoms=_drawn_by_remnant({case.image.parent for case in cohort.cases}))


def _drawn_by_remnant(folders: Set[Path]) -> bool:
    """Whether the images in all `folders` are of cohorts of phantoms, which say so in their own folder, the images' or the one
    above."""
    return all((folder / PHANTOMS).is_file() or (folder.parent / PHANTOMS).is_file() for folder in folders)
