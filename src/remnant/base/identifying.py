"""Texts that look as if they said who somebody is: dates, names, long numbers. Only the kind is ever told."""

import re
from collections.abc import Sequence

_DAY, _MONTH, _YEAR = r"(?:0[1-9]|[12]\d|3[01])", r"(?:0[1-9]|1[0-2])", r"(?:19|20)\d\d"
_NAMED = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*"
DATE = re.compile(
    rf"(?<!\d)(?:{_YEAR}([-/._]?){_MONTH}\1{_DAY}|{_DAY}([-/.]){_MONTH}\2{_YEAR}|{_MONTH}([-/.]){_DAY}\3{_YEAR}"
    rf"|\d{{1,2}}[-/. ]{_NAMED}[-/. ]{_YEAR})(?!\d)",
    re.IGNORECASE,
)
# PatientName of DICOM (Family^Given), "Family, Given", or "Given Family", after a title or none.
NAME = re.compile(
    r"^(?:(?:Dr|Prof|Mrs?|Ms)\.? )*"
    r"(?:[^\W\d_]{2,}\^[^\W\d_]+.*|[^\W\d_]{2,}, ?[^\W\d_]{2,}.*|[A-Z][^\W\d_A-Z]+(?: [A-Z]\.?)? [A-Z][^\W\d_A-Z]+)$"
)
NUMBER = re.compile(r"(?<!\d)(?<!\d\.)\d{7,}(?!\d|\.\d)")
NAME_COLUMN = re.compile(
    r"(?:^|_)(?:name|surname|physician|mrn|ssn|nhs|dob|birth|birthdate|address|phone|email|zip|postcode)(?:_|$)"
)
KINDS = (("a date", DATE), ("a name", NAME), ("a long number, such as a record number", NUMBER))


def kind_of(text: str) -> str | None:
    """What `text` looks like: 'a date', 'a name', 'a long number ...', or None."""
    return next((kind for kind, pattern in KINDS if pattern.search(text.strip())), None)


def kind_of_column(header: str, values: Sequence[str]) -> str | None:
    """What most of a column's values look like, or what its header says that they are; None for neither."""
    filled = [value for value in values if value.strip().lower() not in ("", "n/a", "nan", "unknown")]
    if not filled:
        return None
    for kind, pattern in KINDS:
        if sum(bool(pattern.search(value.strip())) for value in filled) > len(filled) / 2:
            return kind
    words = re.sub(r"(?<=[a-z])(?=[A-Z])|[\s-]+", "_", header).lower()
    return "an identifier, by its heading" if NAME_COLUMN.search(words) else None
