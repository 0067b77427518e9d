"""Who a table says people are: ages and sexes as they are written, and what contradicts itself or looks like one person twice."""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

import pandas as pd

from remnant.base.texts import counted
from remnant.cohort.case import Case, Note

OLDEST = 120
# What tables write where nothing is known: not worth a word.
BLANK = {"", "n/a", "na", "nan", "none", "null", "unknown", "-", "."}
UNITS = {"": 1.0, "+": 1.0, "Y": 1.0, "M": 12.0, "W": 52.18, "D": 365.25}
AGE = re.compile(r"(\d{1,5}(?:[.,]\d+)?) ?(\+|(?:Y|M|W|D)|YRS?|YEARS?|MONTHS?|WEEKS?|DAYS?)?", re.IGNORECASE)
SEXES = {"f": "F", "female": "F", "w": "F", "weiblich": "F", "m": "M", "male": "M"}
# A patient's scans lie this many years apart at most; more is a slip of the pen.
LONGEST_FOLLOW_UP = 20
# "GLI-00005-001": a number of its own behind what already has one.
NUMBERED = re.compile(r"(.*\d.*?)[-_. ]?(?:[-_. ]|(?:mr|tp?|v|visit|ses|scan|time|run)[-_. ]?)(\d{1,3})", re.IGNORECASE)
NOBODY = re.compile(
    r"anon|anonymi[sz]ed?|anonymous|no[ _-]?(?:id|name)|not[ _-]?available|removed|redacted|deleted|empty|de-?id(?:entified)?|"
    r"patient|subject|test|[x0*-]+",
    re.IGNORECASE,
)
PERSON = "give their person's id (subject_id)"
# A site has more people than a person has scans.
MOST_SCANS = 6


def parse_age(text: str) -> float | None:
    """Years above 0 and at most `OLDEST`, else None.

    Read are numbers (45, 45.5, 45,5), with a unit (45 years, 18 months), top-coded ones (89+, as 89) and DICOM's age string
    (PS3.5, VR AS: 060Y, 018M, 003W, 010D). 0 stands for an unknown age in tables of adults.
    """
    match = AGE.fullmatch(text.strip())
    if not match:
        return None
    years = float(match[1].replace(",", ".")) / UNITS[(match[2] or "")[:1].upper()]
    return years if 0 < years <= OLDEST else None


def names_nobody(patient_id: str) -> bool:
    """Whether a PatientID is what software writes into everybody's file in place of one: ANONYMOUS, REMOVED, 0, XXXX."""
    return blank(patient_id) or bool(NOBODY.fullmatch(patient_id.strip()))


def parse_sex(text: str) -> str | None:
    """'F', 'M' or None."""
    return SEXES.get(text.strip().lower())


def blank(text: str) -> bool:
    """Whether a cell says that it says nothing."""
    return text.strip().lower() in BLANK


def unread(path: Path, ages: Iterable[str], sexes: Iterable[str]) -> list[Note]:
    """What the columns of ages and sexes of a table hold that could not be read, or was read with a loss."""
    notes = []
    if odd := [text for text in ages if not blank(text) and parse_age(text) is None]:
        what = f"{counted(len(odd), 'age')} of {path.name} other than years above 0 and up to {OLDEST}"
        notes.append(Note(f"Taken as unknown: {what}{_few(odd)}."))
    if capped := [text for text in ages if text.strip().endswith("+") and parse_age(text) is not None]:
        notes.append(
            Note(f"Taken without the +: {counted(len(capped), 'top-coded age')} of {path.name}{_few(capped)}.")
        )
    if odd := [text for text in sexes if not blank(text) and parse_sex(text) is None]:
        what = f"{counted(len(odd), 'sex', 'sexes')} of {path.name} other than F and M"
        notes.append(Note(f"Taken as unknown: {what}{_few(odd)}."))
    return notes


def unread_columns(path: Path, table: pd.DataFrame) -> list[Note]:
    """`unread` of a table's columns age and sex; of a column that is not there, that it is not."""
    missing = [name for name in ("age", "sex") if name not in table.columns]
    notes = (
        [Note(f"{path.name} has no column {' and no column '.join(missing)}; unknown for everybody.")]
        if missing
        else []
    )
    return notes + unread(path, *(list(table[name]) if name in table.columns else [] for name in ("age", "sex")))


def _few(texts: Sequence[str]) -> str:
    """Examples, of what is a short code and cannot be a name."""
    codes = sorted({text.strip() for text in texts if re.fullmatch(r"[-+.,\d]{1,6}[A-Za-z+]?", text.strip())})
    return f" (such as {', '.join(codes[:3])})" if codes else ""


def hints(cases: Collection[Case], mend: str = PERSON) -> list[Note]:
    """What makes one doubt that everybody has one id, and that each id is one person; `mend`: how to say whose a case is."""
    of_patient: dict[str, list[Case]] = defaultdict(list)
    for case in cases:
        of_patient[case.patient].append(case)
    return [*_alike(of_patient), *_numbered(of_patient, mend), *_contradicting(of_patient)]


def plain_id(name: str) -> str:
    """An id without what spreadsheets lose or add: leading zeros, '.0' and upper case."""
    return re.sub(r"(?<!\d)0+(?=\d)", "", re.sub(r"\.0+$", "", name)).lower()


def _alike(of_patient: dict[str, list[Case]]) -> list[Note]:
    """Ids such as 007 and 7, 8 and 8.0, A9 and a9."""
    twins: dict[str, list[str]] = defaultdict(list)
    for name in of_patient:
        twins[plain_id(name)].append(name)
    found = [name for names in twins.values() if len(names) > 1 for name in names]
    if not found:
        return []
    text = (
        f"{len(found)} patients' ids differ from another's only in zeros, '.0' or upper case (such as 007 and 7); write those "
        "of one person alike, else that person counts as several."
    )
    return [Note(text, _images(of_patient, found))]


def _numbered(of_patient: dict[str, list[Case]], mend: str) -> list[Note]:
    """Ids such as GLI-00005-000 and GLI-00005-001, where the table gives nobody a second session."""
    if any(len(own) > 1 for own in of_patient.values()):
        return []
    stems: dict[str, list[str]] = defaultdict(list)
    for name in of_patient:
        if match := NUMBERED.fullmatch(name):
            stems[match[1]].append(name)
    several = [names for names in stems.values() if len(names) > 1]
    if not several or max(map(len, several)) > MOST_SCANS:
        return []
    found = [name for names in several for name in names]
    text = (
        f"{len(found)} ids end in a number behind one that {len(several)} of them share, as time points of one person do; if "
        f"they are, {mend}, else each time point counts as a patient."
    )
    return [Note(text, _images(of_patient, found))]


def _contradicting(of_patient: dict[str, list[Case]]) -> list[Note]:
    notes = []
    if found := [name for name, own in of_patient.items() if len({case.sex for case in own} - {None}) > 1]:
        text = f"{counted(len(found), 'patient has', 'patients have')} two sexes in the table; mend it, or part the people."
        notes.append(Note(text, _images(of_patient, found)))
    ages = {name: [case.age for case in own if case.age is not None] for name, own in of_patient.items()}
    if found := [name for name, own in ages.items() if own and max(own) - min(own) > LONGEST_FOLLOW_UP]:
        text = (
            f"{counted(len(found), 'patient has ages that', 'patients have ages that')} lie more than "
            f"{LONGEST_FOLLOW_UP} years apart in the table; mend it, or part the "
            "people."
        )
        notes.append(Note(text, _images(of_patient, found)))
    return notes


def _images(of_patient: dict[str, list[Case]], names: Iterable[str]) -> tuple[Path, ...]:
    return tuple(case.image for name in names for case in of_patient[name])
