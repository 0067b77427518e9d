"""What the layouts share: reading a table of text, checking its rows, and building the label schemes."""

import math
import re
from dataclasses import replace
from pathlib import Path

import pandas as pd

from remnant.base.errors import RemnantError
from remnant.cohort.case import CLASSES, MOST_CLASSES, OWN, Case, Cohort, LabelScheme

OLDEST = 120


def read_table(path: Path, columns: tuple[str, ...]) -> pd.DataFrame:
    """A CSV or TSV, by its name, as text; raise `RemnantError` if unreadable, empty or lacking a column."""
    try:
        table = pd.read_csv(path, sep="\t" if path.suffix == ".tsv" else ",", dtype=str, keep_default_na=False)
    except FileNotFoundError:
        raise RemnantError(f"{path} does not exist; write it with the columns {', '.join(columns)}.") from None
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise RemnantError(f"{path} cannot be read as a table ({error}); mend or export it again.") from None
    missing = [column for column in columns if column not in table.columns]
    if missing:
        raise RemnantError(f"{path} lacks the column {missing[0]!r}; it needs {', '.join(columns)}.")
    if table.empty:
        raise RemnantError(f"{path} has no rows; add a row for each entry.")
    return table


def parse_age(text: str) -> float | None:
    """Years, or None for an empty or unknown age."""
    try:
        age = float(text)
    except ValueError:
        return None
    return age if math.isfinite(age) else None


def parse_age_string(text: str) -> float | None:
    """Years from a whole number or DICOM's age string (PS3.5, VR AS: 060Y, 018M, 003W, 010D); None for an empty one, for 0,
    which stands for an unknown age in tables of adults, and for a slip such as 411 (above `OLDEST`).
    """
    match = re.fullmatch(r"(\d{1,4}(?:\.\d+)?)([YMWD]?)", text.strip().upper())
    if not match:
        return None
    years = float(match[1]) / {"": 1, "Y": 1, "M": 12, "W": 52.18, "D": 365.25}[match[2]]
    return years if 0 < years <= OLDEST else None


def parse_sex(text: str) -> str | None:
    """'F', 'M' or None."""
    return {"f": "F", "female": "F", "m": "M", "male": "M"}.get(text.strip().lower())


def make_cohort(directory: Path, cases: list[Case], schemes: dict[str, LabelScheme], scheme_file: str) -> Cohort:
    """A cohort of these cases, once ids and files are sound."""
    seen: dict[str, Case] = {}
    images: set[Path] = set()
    for case in cases:
        for name in (case.patient, case.session):
            # Ids become parts of file names; '+' stands in sessions such as day+5.
            if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._+-]*", name):
                raise RemnantError(
                    f"The patient or session id {name!r} of {case.image} must be letters, digits, '.', '_', '+' "
                    f"or '-', and begin with a letter or digit; rename it."
                )
        if case.image in images:
            raise RemnantError(f"{directory} lists {case.image} twice; keep one of the rows.")
        images.add(case.image)
        # Several images of one session (runs in BIDS, the two crops of a scan) are told apart by a number.
        session, count = case.session, 1
        while case.case_id in seen:
            count += 1
            case = replace(case, session=f"{session}-{count}")
        seen[case.case_id] = case
        for path in (case.image, case.labels):
            if path is not None and not path.exists():
                raise RemnantError(
                    f"{path} does not exist, though {directory} lists it; copy it there or drop its row."
                )
    return Cohort(directory.resolve().name, directory, tuple(seen.values()), schemes, scheme_file)


def read_schemes(path: Path, value_column: str) -> dict[str, LabelScheme]:
    """The label schemes of a table with a column of class names for each scheme; {} without a table.

    The names themselves are the scheme `labels`, unless there are more than a label map can hold.
    """
    if not path.is_file():
        return {}
    table = read_table(path, (value_column, "name"))
    schemes = {}
    for name in [name for name in CLASSES if name in table.columns]:
        classes = CLASSES[name]
        mapping: dict[int, int] = {}
        for value, class_name in zip(table[value_column], table[name], strict=True):
            if not re.fullmatch(r"-?\d+", value):
                raise RemnantError(f"{path} has the label {value!r}; every label must be a whole number.")
            if class_name not in classes:
                raise RemnantError(
                    f"{path} puts label {value} into the class {class_name!r}; the classes of {name} are "
                    f"{', '.join(classes)}."
                )
            if mapping.setdefault(int(value), classes.index(class_name)) != classes.index(class_name):
                raise RemnantError(f"{path} puts label {value} into two classes of {name}; keep one of the rows.")
        schemes[name] = LabelScheme(name, classes, mapping)
    if all(re.fullmatch(r"-?\d+", value) for value in table[value_column]):
        names = {int(value): name for value, name in zip(table[value_column], table["name"], strict=True)}
        if len(set(names.values())) < MOST_CLASSES:
            schemes[OWN] = own_scheme(names)
    return schemes


def own_scheme(names: dict[int, str]) -> LabelScheme:
    """The scheme `labels` of a data set that names its values: 0 is the background, equal names are one class."""
    names = {0: "background", **names}
    classes = list(dict.fromkeys([names[0], *(names[value] for value in sorted(names))]))
    return LabelScheme(OWN, tuple(classes), {value: classes.index(name) for value, name in names.items()})
