"""File names, tables and sidecars of JSON with names, dates or record numbers in them."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from remnant.base.errors import RemnantError
from remnant.base.files import read_json
from remnant.base.identifying import DATE, NUMBER, kind_of_column
from remnant.base.texts import counted
from remnant.cohort.check.base import Check, CheckFinding, finding
from remnant.cohort.check.profile import AttributeNote, judge, representation, words_of
from remnant.cohort.check.subject import Subject
from remnant.cohort.layouts.table import read_table

# The tables of BIDS about people: of the whole set, of a person's sessions, of a session's scans, and what was asked or tested.
TABLES = ("*.tsv", "*.csv", "sub-*/*.tsv", "**/*_scans.tsv", "**/*_sessions.tsv", "phenotype/*.tsv")
# About a data set and not about a person.
ABOUT = {"dataset_description.json", "dataset.json"}
# Two words as a given and a family name: Ada_Prentice, Prentice^Ada, PRENTICE^ADA.
TWO_WORDS = re.compile(r"(?<![^\W_])(?:[A-Z][a-z]{2,}[_ ,.-]{1,2}[A-Z][a-z]{2,}|[^\W\d_]{2,}\^[^\W\d_]{2,})(?![^\W_])")

# A scan and its label map.
ONE_SCAN = 2

# Published sets, whose images are called by numbers that everybody has: their names say no more than their table.
PUBLISHED = {"NIH ChestX-ray14": ["Image Index"]}
# What a radiograph shows: "No Finding" has the looks of a given and a family name.
SEEN = {"finding", "findings", "finding_labels", "Finding Labels", "view", "View Position"}


class Names(Check):
    """What looks like a date, a name or a record number is an error."""

    name = "names"

    def findings(self, subject: Subject) -> list[CheckFinding]:
        named = defaultdict(list)
        published = PUBLISHED.get(subject.cohort.layout, []) if subject.cohort else []
        for path in () if published else (*subject.files, *subject.others):
            text = str(path.relative_to(subject.root)) if path.is_relative_to(subject.root) else path.name
            for kind, pattern in (("a date", DATE), ("a long number, such as a record number", NUMBER)):
                if pattern.search(text):
                    named[kind].append(path)
                    break
        hits = _two_words(subject)
        if paths := self._named(subject, hits):
            named["a name"] = paths
        found = []
        for kind, paths in named.items():
            text = (
                f"{counted(len(paths), 'file name holds', 'file names hold')} what looks like {kind}; "
                f"{'rename it' if len(paths) == 1 else 'rename them'}."
            )
            found.append(finding(self.name, "error", text, paths, subject.root))
        if rare := _rare(hits) - set(named.get("a name", ())):
            text = (
                f"{counted(len(rare), 'file name holds', 'file names hold')} two words, as a given and a family name, that "
                f"others do not; {'rename it' if len(rare) == 1 else 'rename them'} if so."
            )
            found.append(finding(self.name, "warning", text, rare, subject.root))
        columns = defaultdict(list)
        for path in sorted({path for pattern in TABLES for path in subject.root.glob(pattern)}):
            try:
                table = read_table(path, ())
            except RemnantError as error:
                found.append(finding(self.name, "warning", str(error), [path], subject.root))
                continue
            for column, kind in _telling(table.drop(columns=published, errors="ignore")).items():
                columns[column, kind].append(path)
        for (column, kind), paths in columns.items():
            where = paths[0].name if len(paths) == 1 else f"{len(paths)} tables"
            text = f"The column {column!r} of {where} holds what looks like {kind}; drop it."
            found.append(finding(self.name, "error", text, paths, subject.root))
        return found + self._sidecars(subject)

    def _named(self, subject: Subject, hits: dict[Path, tuple[str, ...]]) -> list[Path]:
        """Files with two words in their path as people have, which are not the same for all: those say what is in a file."""
        counts = Counter(words for found in hits.values() for words in found)
        patients = len(subject.cohort.patients) if subject.cohort else len({one.patient for one in subject.dicom})
        several = len(counts) >= max(2, patients / 2)
        return [path for path, found in hits.items() if several or any("^" in words for words in found)]

    def _sidecars(self, subject: Subject) -> list[CheckFinding]:
        """What keywords of DICOM in JSON say, as converters carry them over."""
        paths = defaultdict(list)
        every = [path for path in sorted(subject.root.rglob("*.json")) if path.name not in ABOUT and path.is_file()]
        for path in every:
            try:
                pairs = list(_pairs(read_json(path)))
            except RemnantError:
                # Not read by anything here; a table or an image that cannot be read is told where it is.
                continue
            named = words_of([text for key, text in pairs if representation(key) == "PN"])
            patient_id = next((text for key, text in pairs if key == "PatientID"), "")
            for told in dict.fromkeys(_judge(key, text, patient_id, named) for key, text in pairs):
                if told:
                    paths[told].append(path)
        return [
            finding(self.name, told.severity, f"{len(those)} JSON files {told.what}; {told.mend}.", those, subject.root)
            for told, those in paths.items()
        ]


def _two_words(subject: Subject) -> dict[Path, tuple[str, ...]]:
    """File to the pairs of words in its path that look like a given and a family name."""
    hits = {}
    for path in (*subject.files, *subject.others):
        text = str(path.relative_to(subject.root)) if path.is_relative_to(subject.root) else path.name
        if found := TWO_WORDS.findall(text):
            hits[path] = tuple(found)
    return hits


def _rare(hits: dict[Path, tuple[str, ...]]) -> set[Path]:
    """Files with such words in their own name, and not in that of a folder, as hardly another file has."""
    counts = Counter(words for path in hits for words in TWO_WORDS.findall(path.name))
    return {path for path in hits for words in TWO_WORDS.findall(path.name) if counts[words] <= ONE_SCAN}


def _telling(table: pd.DataFrame) -> dict[str, str]:
    """Column to what it holds that says who somebody is."""
    # Paths are judged as file names; the columns that a label table needs are no people.
    skip = {"image", "label", "index", "name"} if {"label", "index"} & set(table.columns[:1]) else {"image", "label"}
    kinds = {name: kind_of_column(name, table[name].tolist()) for name in table.columns if name not in skip | SEEN}
    return {name: kind for name, kind in kinds.items() if kind}


def _pairs(value: object, key: str = "") -> Iterator[tuple[str, str]]:
    """Every key of a JSON value with the text behind it, at any depth."""
    if isinstance(value, dict):
        for name, item in value.items():
            yield from _pairs(item, str(name))
    elif isinstance(value, list):
        for item in value:
            yield from _pairs(item, key)
    elif value is not None:
        yield key, str(value)


def _judge(key: str, text: str, patient_id: str, named: set[str]) -> AttributeNote | None:
    if representation(key):
        return judge(key, text, patient_id, named)
    # Versions of software look like dates, and names of tasks like names of people.
    dated = re.search("date|time", key, re.IGNORECASE) and DATE.search(text)
    return (
        AttributeNote("error", f"hold what looks like {'a date' if dated else 'a name'}", "remove it")
        if dated or "^" in text
        else None
    )
