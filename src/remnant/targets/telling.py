"""What in files beside weights says who was in the training: only the kinds are told, never what was found."""

import csv
import functools
import io
import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from remnant.base.identifying import DATE, kind_of_column
from remnant.targets.metadata import CASE, FILE, LISTED, PATH_WITHIN, is_of_datalist

ROWS = 10_000  # of a table
LEVELS = 8  # names above a value
# Every pattern begins at the start of a word and has a longest match, so that a text made to take time takes none.
# Of pictures those whose name has a number: others are logos and plots.
IMAGE_FILE = re.compile(
    r"(?<![\w.-])[\w-][\w.-]{0,200}\.(?:(?:nii|dcm|dicom|mha|mhd|nrrd|mgz|npy|npz)\b|(?<=\d\d\d\.)(?:png|jpe?g|tiff?)\b)",
    re.IGNORECASE,
)
PERSON = re.compile(
    r"(?:^|_)(?:patients?_?name|(?:family|given|first|last|sur)_?name|mrn|ssn|nhs|dob|birth\w*|address|phone|email|postcode)"
    r"(?:_|$)"
)
FREE: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("paths of a machine, perhaps with a user's name", PATH_WITHIN),
    ("paths of a machine, perhaps with a user's name", re.compile(r"/(?:home|Users|mnt|media|scratch|Volumes)/\w")),
    ("e-mail addresses", re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,64}\.\w")),
    ("dates", DATE),
    ("DICOM UIDs", re.compile(r"(?<![\d.])[0-2](?:\.\d{1,39}){5,30}(?![\d.])")),
    ("names as DICOM writes them", re.compile(r"(?<![^\W\d_])[^\W\d_]{2,64}\^[^\W\d_]")),
    ("names of image files", IMAGE_FILE),
)
NUMBERED = re.compile(r"\b([A-Za-z]{1,40}[_-])(\d{3,20})\b")
CASES = "identifiers of cases"
RECORD = "record numbers"
PERSONAL = "values under a heading such as a person's name, birth date or address"


def in_text(text: str) -> set[str]:
    """What kinds of telling texts are in a free text."""
    found = {kind for kind, pattern in FREE if pattern.search(text)}
    numbers: dict[str, set[str]] = {}
    for one in NUMBERED.finditer(text):
        numbers.setdefault(one[1].lower(), set()).add(one[2])
    return found | ({CASES} if any(len(several) > 1 for several in numbers.values()) else set())


@functools.lru_cache(maxsize=4096)
def in_value(text: str) -> frozenset[str]:
    """The same of one value of a table or of settings."""
    found = in_text(text) | ({"names of files"} if FILE.search(text[:1000].strip()) else set())
    return frozenset(found | ({RECORD} if re.fullmatch(r"\d{7,}", text.strip()) else set()))


def in_json(value: Any) -> set[str]:
    """What kinds of telling texts are among the names and values of parsed JSON."""
    found: set[str] = set()
    for names, item in _leaves(value):
        name = next((name for name in reversed(names) if isinstance(name, str)), "")
        found |= in_value(name)
        texts = item if isinstance(item, list) else [item] if isinstance(item, str) else []
        for text in texts:
            found |= in_value(text)
        if texts and PERSON.search(re.sub(r"(?<=[a-z])(?=[A-Z])|[\s-]+", "_", name).lower()):
            found.add(PERSONAL)
        listed = len(texts) > 1 and (are_cases(texts) or LISTED.search(name))
        if listed or (texts and is_of_datalist(tuple(map(str, names)))):
            found.add(CASES)
    return found


def in_table(text: str, delimiter: str) -> set[str]:
    """What kinds of telling texts are in a table with a line of headings."""
    rows = [row for row, _ in zip(csv.reader(io.StringIO(text), delimiter=delimiter), range(ROWS), strict=False)]
    found = in_text(text)
    for heading, *cells in zip(*rows, strict=False):
        if kind := kind_of_column(heading, cells):
            found.add(f"a column that looks like {kind}")
        if len(set(cells)) > 1 and (are_cases(cells) or LISTED.search(heading)):
            found.add(CASES)
    return found


def in_file(name: str, text: str) -> set[str]:
    """What kinds of telling texts are in a text file, read as its name says."""
    suffix = name.lower().rpartition(".")[2]
    try:
        if suffix == "json":
            value = json.loads(text)
            # Under the name that nnU-Net's checkpoints have it by.
            return in_json({"dataset_json": value} if name.rpartition("/")[2] == "dataset.json" else value)
        if suffix in ("csv", "tsv"):
            return in_table(text, "\t" if suffix == "tsv" else ",")
    except (ValueError, RecursionError, csv.Error):
        pass
    return in_text(text)


def are_cases(texts: Iterable[str]) -> bool:
    """Whether texts have the form of cases' identifiers: two or more, most of them letters and a number."""
    texts = list(texts)
    return len(texts) > 1 and 2 * sum(bool(CASE.fullmatch(text[:100])) for text in texts) > len(texts)


def _leaves(value: Any) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    """Values with the last names that lead to each, a place in a list as its number; a list of texts is one value."""
    stack: list[tuple[tuple[str | int, ...], Any]] = [((), value)]
    while stack:
        names, item = stack.pop()
        names = names[-LEVELS:]
        if isinstance(item, dict):
            if are_cases(item.keys()):
                yield names, list(item.keys())
            stack += [((*names, str(key)), one) for key, one in item.items()]
        elif isinstance(item, list) and not (item and all(isinstance(one, str) for one in item)):
            stack += [((*names, place), one) for place, one in enumerate(item)]
        else:
            yield names, item
