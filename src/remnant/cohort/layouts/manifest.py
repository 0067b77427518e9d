"""The manifest layout: DIR/manifest.csv with a row a scan or radiograph, and DIR/labels.csv with a row a label value.

Rows that name slices of one DICOM series are one scan, the series.

Of radiographs, the optional column `findings` (or `finding`, or `finding_labels`) lists what is seen, parted by '|', ','
or ';', and `view` says how the picture was taken. The optional column `split` says what a case was used for (train, val, test).
"""

import re
from collections import Counter, defaultdict
from collections.abc import Hashable, Sequence
from pathlib import Path

from remnant.base.errors import RemnantError
from remnant.cohort.case import Case, Cohort, Note
from remnant.cohort.files.series import series_of
from remnant.cohort.layouts.people import parse_age, parse_sex, unread
from remnant.cohort.layouts.table import make_cohort, read_schemes, read_table

LOOKED_FOR = "manifest.csv (columns image, label, subject_id, session_id, age, sex)"
COLUMNS = ("image", "label", "subject_id", "session_id", "age", "sex")
FINDINGS = ("findings", "finding", "finding_labels")


def recognises(directory: Path) -> bool:
    return (directory / "manifest.csv").is_file()


def read(directory: Path) -> Cohort:
    """Read the cohort; other columns are ignored, paths are relative to `directory`, label may be empty."""
    notes: list[Note] = []
    table = read_table(directory / "manifest.csv", COLUMNS, notes=notes)
    bare = [row.label for row in table.itertuples() if not row.image]
    if bare:
        raise RemnantError(
            f"{directory / 'manifest.csv'} gives no image for {bare[0] or 'one of its rows'}; draw images from label "
            f"maps by `remnant phantom heads --maps {directory}`."
        )
    named = next((column for column in FINDINGS if column in table.columns), None)
    findings = [split_findings(text) for text in table[named]] if named else [()] * len(table)
    views, splits = (list(table[name]) if name in table.columns else [""] * len(table) for name in ("view", "split"))
    cases = [
        Case(
            patient=row.subject_id,
            session=row.session_id,
            image=directory / row.image,
            labels=directory / row.label if row.label else None,
            age=parse_age(row.age),
            sex=parse_sex(row.sex),
            findings=seen,
            view=view or None,
            split=split.strip() or None,
        )
        for row, seen, view, split in zip(table.itertuples(), findings, views, splits, strict=True)
    ]
    notes += unread(directory / "manifest.csv", table["age"], table["sex"])
    cases = _one_a_series(cases, notes)
    return make_cohort(directory, cases, read_schemes(directory / "labels.csv", "label"), "labels.csv", notes)


def _one_a_series(cases: Sequence[Case], notes: list[Note]) -> list[Case]:
    """The cases, but one alone, with a label map if any has one, of those whose images are slices of one series."""
    alike = Counter((case.patient, case.session, case.image.parent) for case in cases)
    scans: dict[Hashable, list[Case]] = defaultdict(list)
    for place, case in enumerate(cases):
        # Headers are read only where several rows may be of one series.
        several = alike[case.patient, case.session, case.image.parent] > 1
        series = series_of(case.image) if several else None
        scans[(case.patient, case.session, case.image.parent, series) if series else place].append(case)
    if slices := [case.image for rows in scans.values() if len(rows) > 1 for case in rows]:
        count = sum(len(rows) > 1 for rows in scans.values())
        text = f"{len(slices)} rows of manifest.csv name slices of {count} DICOM series; a series counts as one scan."
        notes.append(Note(text, tuple(slices)))
    return [min(rows, key=lambda case: case.labels is None) for rows in scans.values()]


def split_findings(text: str) -> tuple[str, ...]:
    """The findings in a cell, in their order, each once."""
    return tuple(dict.fromkeys(part.strip() for part in re.split(r"[|,;]", text) if part.strip()))
