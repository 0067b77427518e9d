"""What the layouts share: reading a table of text, checking its rows, and building the label schemes."""

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd

from remnant.base.errors import RemnantError
from remnant.base.texts import counted
from remnant.cohort.case import CLASSES, MOST_CLASSES, OWN_LABELS, Case, Cohort, LabelScheme, Note
from remnant.cohort.layouts.people import PERSON, hints

# More columns than any table of people has: what is no table.
# How a ZIP archive begins, which an .xlsx is, and an old Excel file.
PACKED = (b"PK\x03\x04", b"PK\x05\x06", b"\xd0\xcf\x11\xe0")
MOST_COLUMNS = 5000
MOST_FAULTS = 8
MOST_NAMED = 12
# What a column is called elsewhere, its letters small and all else an underscore.
ALIASES = {
    "age": ("age_years", "age_at_scan", "patient_age"),
    "sex": ("gender", "patient_sex", "patient_gender"),
    "subject_id": ("subject", "patient_id", "patient", "participant_id"),
    "session_id": ("session",),
    "image": ("image_file", "image_path"),
    "label": ("label_file", "label_path"),
}


def read_table(
    path: Path,
    columns: Sequence[str],
    optional: Sequence[str] = (),
    notes: list[Note] | None = None,
    mend: str = "rename or add it",
) -> pd.DataFrame:
    """A CSV or TSV as text without blanks around it, its index the line in the file; rows without any text are left out.

    Tabs, commas or semicolons between cells, UTF-8 or UTF-16. Of `columns`, which it must have, and `optional` ones, another
    spelling is taken (`ALIASES`, capital letters, blanks) where there is only one, and told in `notes`. `mend`: what to do about
    one that is lacking.

    Raises one `RemnantError` for all that is wrong: unreadable, empty, lacking a column, or rows that are not one line each or
    longer than the header.
    """
    text = _text(path, columns)
    lines = list(_lines(path, text, columns))
    if not lines:
        raise RemnantError(f"{path} has no rows; add a row for each entry.")
    (_, header), *rows = lines
    header = [name.strip() for name in header]
    while header and not header[-1]:
        header.pop()
    wanted = {name: _column(name, header) for name in (*columns, *optional)}
    faults = []
    if missing := [repr(name) for name in columns if not wanted[name]]:
        which = f"column {missing[0]}" if len(missing) == 1 else f"columns {', '.join(missing)}"
        has = ", ".join(header[:MOST_NAMED]) + (", ..." if len(header) > MOST_NAMED else "")
        faults.append(f"{path} lacks the {which} and has {has}; {mend}.")
    faults += [
        f"{path} has the columns {' and '.join(map(repr, found))} for {name!r}; keep one of them."
        for name, found in wanted.items()
        if len(found) > 1
    ]
    values = []
    for end, row in rows:
        if breaks := sum(cell.count("\n") for cell in row):
            faults.append(
                f"Line {end - breaks} of {path} opens a quotation mark that is closed in line {end} or never, so that the rows "
                "between would vanish; remove it."
            )
        elif len(row) > len(header) and any(cell.strip() for cell in row[len(header) :]):
            faults.append(
                f"Line {end} of {path} has {counted(len(row), 'cell')}, its header {len(header)}; mend the row."
            )
        elif any(cell.strip() for cell in row):
            cells = [cell.strip() for cell in row[: len(header)]]
            values.append((end, cells + [""] * (len(header) - len(cells))))
    refuse(path, faults)
    if not values:
        raise RemnantError(f"{path} has no rows; add a row for each entry.")
    renamed = {found[0]: name for name, found in wanted.items() if found and found[0] != name}
    if renamed and notes is not None:
        named = ", ".join(f"{old!r} as {new}" for old, new in renamed.items())
        notes.append(Note(f"{path.name} has other names for its columns; taken are {named}."))
    names = [
        renamed.get(name, name) if name and name not in header[:place] else f"column {place + 1}"
        for place, name in enumerate(header)
    ]
    return pd.DataFrame([cells for _, cells in values], columns=names, index=[line for line, _ in values], dtype=str)


def refuse(source: Path, faults: Sequence[str]) -> None:
    """Raise one `RemnantError` for all `faults` of a source, each a sentence; nothing where there is none."""
    if len(faults) == 1:
        raise RemnantError(faults[0])
    if faults:
        shown = " ".join(f"({number}) {fault}" for number, fault in enumerate(faults[:MOST_FAULTS], 1))
        more = f" And {len(faults) - MOST_FAULTS} more." if len(faults) > MOST_FAULTS else ""
        raise RemnantError(f"{source} has {len(faults)} faults: {shown}{more}")


def _text(path: Path, columns: Sequence[str]) -> str:
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        raise RemnantError(f"{path} does not exist; write it with the columns {', '.join(columns)}.") from None
    except OSError as error:
        raise RemnantError(f"{path} cannot be read as a table ({error.strerror}); mend or export it again.") from None
    if raw[:4] in PACKED:
        raise RemnantError(
            f"{path} is an Excel file or a ZIP archive, and no table as text; save it from there as CSV, in UTF-8."
        )
    # Excel's "Unicode text".
    encoding = "utf-16" if raw[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError as error:
        raise RemnantError(f"{path} cannot be read as a table ({error}); export it again, as UTF-8.") from None
    if "\0" in text:
        raise RemnantError(f"{path} cannot be read as a table (it holds bytes of 0); export it again, as UTF-8.")
    return text


def _lines(path: Path, text: str, columns: Sequence[str]) -> list[tuple[int, list[str]]]:
    """The number of each row's last line, and its cells; of the separators the one that finds most of `columns`."""
    first = next(iter(text.lstrip().splitlines()), "")

    def found(separator: str) -> tuple[int, int]:
        header = [name.strip().strip('"') for name in first.split(separator)]
        return sum(bool(_column(name, header)) for name in columns), len(header)

    if (cells := max(first.rstrip("\t,; ").count(separator) for separator in "\t,;")) >= MOST_COLUMNS:
        # Here, since to look for names among a million takes minutes.
        raise RemnantError(f"{path} has {cells + 1} columns, more than {MOST_COLUMNS}; it is no table of people.")
    separator = max(("\t", ",", ";") if path.suffix == ".tsv" else (",", "\t", ";"), key=found)
    reader = csv.reader(io.StringIO(text, newline=None), delimiter=separator)
    try:
        return [(reader.line_num, row) for row in reader if row]
    except csv.Error as error:
        raise RemnantError(f"{path} cannot be read as a table ({error}); mend or export it again.") from None


def _column(name: str, header: Sequence[str]) -> list[str]:
    """What `name` is called in a header: itself, or every other spelling there is."""
    if name in header:
        return [name] * header.count(name)
    spellings = (name, *ALIASES.get(name, ()))
    return [one for one in header if re.sub(r"[^a-z0-9]+", "_", one.lower()).strip("_") in spellings]


def make_cohort(
    directory: Path,
    cases: Sequence[Case],
    schemes: dict[str, LabelScheme],
    scheme_file: str,
    notes: Sequence[Note] = (),
    mend: str = PERSON,
) -> Cohort:
    """A cohort of these cases, once ids and files are sound; `notes` and what the cases hint at, with `mend`, are its notes.

    Raises one `RemnantError` for all that is wrong.
    """
    seen: dict[str, Case] = {}
    images: set[Path] = set()
    odd: set[str] = set()
    faults: list[str] = []
    for case in cases:
        for name in dict.fromkeys((case.patient, case.session)):
            # Ids become parts of file names; '+' stands in sessions such as day+5.
            if not name:
                faults.append(f"{case.image} has an empty patient or session id; fill it in or drop the row.")
            elif name not in odd and not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._+-]*", name):
                odd.add(name)
                faults.append(
                    f"The patient or session id {name!r} of {case.image} must be letters, digits, '.', '_', '+' "
                    f"or '-', and begin with a letter or digit; rename it."
                )
        if case.image in images:
            faults.append(f"{directory} lists {case.image} twice; keep one of the rows.")
        images.add(case.image)
        # Several images of one session (views of a chest, the two crops of a scan) are told apart by a number.
        session, count = case.session, 1
        while case.case_id in seen:
            count += 1
            case = replace(case, session=f"{session}-{count}", visit=session)
        seen[case.case_id] = case
        faults += [_missing(path, directory) for path in (case.image, case.labels) if path and not path.exists()]
    refuse(directory, faults)
    found = (*notes, *hints(seen.values(), mend))
    return Cohort(directory.resolve().name, directory, tuple(seen.values()), schemes, scheme_file, notes=found)


def _missing(path: Path, directory: Path) -> str:
    if path.is_symlink():
        return f"{path} is a link to a file that is not here; fetch it (in a DataLad data set: datalad get) or copy it there."
    if "\\" in str(path) and Path(str(path).replace("\\", "/")).exists():
        return f"{path} is written with backslashes in the table of {directory}; write / in place of each."
    return f"{path} does not exist, though {directory} lists it; copy it there or drop its row."


def read_schemes(path: Path, value_column: str) -> dict[str, LabelScheme]:
    """The label schemes of a table with a column of class names for each scheme; {} without a table.

    The names themselves are the scheme `labels`, unless there are more than a label map can hold.
    """
    if not path.is_file():
        return {}
    table = read_table(path, (value_column, "name"))
    # A column of whole numbers with a gap in it is saved as 1.0, 2.0 by data frames.
    table[value_column] = table[value_column].str.replace(r"\.0+$", "", regex=True)
    schemes = {}
    whole = [bool(re.fullmatch(r"-?\d+", value)) for value in table[value_column]]
    named = [name for name in CLASSES if name in table.columns]
    faults = [
        f"{path} has the label {value!r}; every label must be a whole number."
        for value, sound in zip(table[value_column], whole, strict=True)
        if named and not sound
    ]
    for name in named:
        classes = CLASSES[name]
        mapping: dict[int, int] = {}
        for value, class_name, sound in zip(table[value_column], table[name], whole, strict=True):
            if class_name not in classes:
                faults.append(
                    f"{path} puts label {value} into the class {class_name!r}; the classes of {name} are "
                    f"{', '.join(classes)}."
                )
            elif sound and mapping.setdefault(int(value), classes.index(class_name)) != classes.index(class_name):
                faults.append(f"{path} puts label {value} into two classes of {name}; keep one of the rows.")
        schemes[name] = LabelScheme(name, classes, mapping)
    refuse(path, faults)
    if all(whole):
        names = {int(value): name for value, name in zip(table[value_column], table["name"], strict=True)}
        if len(set(names.values())) < MOST_CLASSES:
            schemes[OWN_LABELS] = own_scheme(names)
    return schemes


def own_scheme(names: dict[int, str]) -> LabelScheme:
    """The scheme `labels` of a data set that names its values: 0 is the background, equal names are one class."""
    names = {0: "background", **names}
    classes = list(dict.fromkeys([names[0], *(names[value] for value in sorted(names))]))
    return LabelScheme(OWN_LABELS, tuple(classes), {value: classes.index(name) for value, name in names.items()})
