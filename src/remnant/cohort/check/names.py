"""File names with dates or record numbers, and tables with columns of names, dates or record numbers."""

from collections import defaultdict
from pathlib import Path

import pandas as pd

from remnant.base.errors import RemnantError
from remnant.base.identifying import DATE, NUMBER, kind_of_column
from remnant.cohort.check.base import Check
from remnant.cohort.check.finding import Finding, finding
from remnant.cohort.check.subject import Subject
from remnant.cohort.table import read_table

TABLES = ("participants.tsv", "manifest.csv", "*.tsv", "*.csv", "sub-*/*.tsv")

# Published sets, whose images are called by numbers that everybody has: their names say no more than their table.
PUBLISHED = {"NIH ChestX-ray14": ["Image Index"]}
# What a radiograph shows: "No Finding" has the looks of a given and a family name.
SEEN = {"finding", "findings", "finding_labels", "Finding Labels", "view", "View Position"}


class Names(Check):
    """What looks like a date, a name or a record number is an error."""

    name = "names"

    def findings(self, subject: Subject) -> list[Finding]:
        named = defaultdict(list)
        published = PUBLISHED.get(subject.cohort.layout, []) if subject.cohort else []
        for path in () if published else subject.files:
            text = str(path.relative_to(subject.root)) if path.is_relative_to(subject.root) else path.name
            for kind, pattern in (("a date", DATE), ("a long number, such as a record number", NUMBER)):
                if pattern.search(text):
                    named[kind].append(path)
                    break
        found = []
        for kind, paths in named.items():
            text = f"{len(paths)} file names hold what looks like {kind}; rename the files."
            found.append(finding(self.name, "error", text, paths, subject.root))
        for path in sorted({path for pattern in TABLES for path in subject.root.glob(pattern)}):
            try:
                table = read_table(path, ())
            except RemnantError as error:
                found.append(finding(self.name, "warning", str(error), [path], subject.root))
                continue
            found.extend(self._columns(table.drop(columns=published, errors="ignore"), path, subject))
        return found

    def _columns(self, table: pd.DataFrame, path: Path, subject: Subject) -> list[Finding]:
        # Paths are judged as file names; the columns that a label table needs are no people.
        skip = (
            {"image", "label", "index", "name"} if {"label", "index"} & set(table.columns[:1]) else {"image", "label"}
        )
        found = []
        for column in (column for column in table.columns if column not in skip | SEEN):
            if kind := kind_of_column(column, table[column].tolist()):
                text = f"The column {column!r} of {path.name} holds what looks like {kind}; drop it."
                found.append(finding(self.name, "error", text, [path], subject.root))
        return found
