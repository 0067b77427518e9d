"""What a DICOM attribute says of a person, by its keyword, in a header or in a sidecar of JSON that carries keywords over.

`basic_profile.csv` lists the attributes that the Basic Application Level Confidentiality Profile removes, empties or replaces
(PS3.15 of 2026c, Table E.1-1), but for names, dates, times and UIDs, which their value representation tells.
"""

import csv
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pydicom.datadict import dictionary_VR, tag_for_keyword

from remnant.base.identifying import DATE, NAME, kind_of
from remnant.base.texts import counted_of
from remnant.cohort.check.base import Severity

TABLE = Path(__file__).with_name("basic_profile.csv")
NOBODY = {"", "anonymous", "anonymized", "anonymised", "anon", "none", "removed", "unknown"}


@dataclass(frozen=True)
class AttributeNote:
    """What one attribute says: files `what`, and how to `mend` it. Attributes with the same words are told together."""

    severity: Severity
    what: str
    mend: str

    def of_files(self, number: int, total: int) -> str:
        """Of how many files it is so: "1 of 17 files holds dates"."""
        verb, _, rest = self.what.partition(" ")
        return f"{counted_of(number, total, 'file', f'{verb}s', verb)} {rest}"


DATES = AttributeNote("error", "hold dates", "remove them or shift them by a secret number of days")
TIMES = AttributeNote("warning", "hold times of day", "remove them, or shift them with the dates")
PSEUDONYM = AttributeNote("warning", "hold a PatientID", "see that it is a pseudonym")
NO_PSEUDONYM = AttributeNote("error", "hold a PatientID that looks like a name or a date", "replace it by a pseudonym")
UIDS = AttributeNote(
    "warning", "hold UIDs, by which the hospital's archive finds patients", "see that they were replaced"
)
TRAITS = AttributeNote("warning", "hold traits of the patient that the basic profile removes", "see that they may stay")
DESCRIPTIONS = AttributeNote(
    "warning", "hold free text (descriptions, labels)", "see that it names nobody, or empty it"
)


@cache
def basic_profile() -> dict[str, str]:
    """Keyword to `identity` (who, where, free comments), `description` (of what was done) or `trait` (age, sex, trial)."""
    with TABLE.open(newline="") as file:
        return {row["keyword"]: row["kind"] for row in csv.DictReader(file)}


def representation(keyword: str) -> str:
    """The value representation of an attribute; '' for what is no DICOM keyword."""
    tag = tag_for_keyword(keyword)
    return "" if tag is None else dictionary_VR(tag)


def words_of(names: list[str]) -> set[str]:
    """The words of people's names, by which free text names them again."""
    return {word for name in names for word in re.findall(r"[^\W\d_]{4,}", name.lower())} - NOBODY


def says_nobody(text: str) -> bool:
    """Whether a value is empty or a stand-in that de-identification leaves."""
    return text.strip(" ^[]'").lower() in NOBODY


def judge(keyword: str, text: str, patient_id: str, named: set[str]) -> AttributeNote | None:
    """What an attribute with the value `text` tells; None for nothing.

    `patient_id`: of the same file, which many tools put into the name, too; `named`: words of names in the same file.
    """
    if says_nobody(text):
        return None
    vr, kind = representation(keyword), basic_profile().get(keyword)
    if keyword == "PatientID":
        return NO_PSEUDONYM if NAME.search(text) or DATE.search(text) else PSEUDONYM
    if vr == "PN":
        pseudonym = keyword == "PatientName" and text == patient_id and not NAME.search(text)
        return None if pseudonym else AttributeNote("error", f"hold {keyword}", "remove it")
    if vr in ("DA", "DT"):
        return DATES
    if vr == "TM":
        return TIMES
    if kind == "identity":
        return AttributeNote("error", f"hold {keyword}", "remove it")
    if kind == "description":
        again = named & set(re.findall(r"[^\W\d_]{4,}", text.lower()))
        telling = "repeats a name of the header" if again else kind_of(text) and f"looks like {kind_of(text)}"
        return AttributeNote("error", f"hold {keyword} that {telling}", "remove it") if telling else DESCRIPTIONS
    return TRAITS if kind == "trait" else None
