"""The manifest layout: DIR/manifest.csv with a row a scan, and DIR/labels.csv with a row a label value."""

from pathlib import Path

from remnant.base.errors import RemnantError
from remnant.cohort.case import Case, Cohort
from remnant.cohort.table import make_cohort, parse_age, parse_sex, read_schemes, read_table

LOOKED_FOR = "manifest.csv (columns image, label, subject_id, session_id, age, sex)"
COLUMNS = ("image", "label", "subject_id", "session_id", "age", "sex")


def recognises(directory: Path) -> bool:
    return (directory / "manifest.csv").is_file()


def read(directory: Path) -> Cohort:
    """Read the cohort; other columns are ignored, paths are relative to `directory`, label may be empty."""
    table = read_table(directory / "manifest.csv", COLUMNS)
    bare = [row.label for row in table.itertuples() if not row.image]
    if bare:
        raise RemnantError(
            f"{directory / 'manifest.csv'} gives no image for {bare[0] or 'one of its rows'}; draw images from label "
            f"maps by `remnant phantom heads --maps {directory}`."
        )
    cases = [
        Case(
            patient=row.subject_id,
            session=row.session_id,
            image=directory / row.image,
            labels=directory / row.label if row.label else None,
            age=parse_age(row.age),
            sex=parse_sex(row.sex),
        )
        for row in table.itertuples()
    ]
    return make_cohort(directory, cases, read_schemes(directory / "labels.csv", "label"), "labels.csv")
