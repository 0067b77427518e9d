"""A plain folder of radiographs without a table: every file a patient, unless a DICOM header tells whose it is.

What the header says of age, sex and view is taken over. Its PatientID only groups files: a patient is called after the
first of their files, so that no text of a header gets into a log, a message or a name.
"""

import re
from pathlib import Path

import pydicom

from remnant.base.errors import RemnantError
from remnant.base.files import files_below
from remnant.base.texts import counted
from remnant.cohort.case import Case, Cohort, Note
from remnant.cohort.files.dicom import is_dicom, open_dicom, quiet_pydicom
from remnant.cohort.files.radiograph import ENDINGS, kind
from remnant.cohort.layouts.people import names_nobody, parse_age, parse_sex, unread
from remnant.cohort.layouts.table import make_cohort

# What else a radiograph may be in.
UNREAD = (".tif", ".tiff", ".webp", ".bmp", ".gif", ".jp2", ".j2k", ".heic", ".nii", ".nii.gz", ".mha", ".nrrd")
LOOKED_FOR = "a folder of radiographs (PNG, JPEG, DICOM)"


def recognises(directory: Path) -> bool:
    """Whether a file below has the ending of a radiograph, or is DICOM whatever it is called."""
    return next(_files(directory), None) is not None


def read(directory: Path) -> Cohort:
    """Read every file below `directory` that is a PNG, JPEG or DICOM, in the order of names.

    Where the header's PatientID is one that stands for everybody, such as ANONYMOUS, the files of a study are a patient's.
    """
    taken: set[str] = set()
    of_header: dict[tuple[str, str], str] = {}
    ages, sexes, nobody = [], [], []
    cases = []
    for path in sorted(_files(directory)):
        name = _unique(path.relative_to(directory), taken)
        if kind(path) != "dicom":
            cases.append(Case(name, "1", path))
            continue
        header = open_dicom(path, stop_before_pixels=True)
        with quiet_pydicom():
            who, age, sex = (_text(header, keyword) for keyword in ("PatientID", "PatientAge", "PatientSex"))
            key = ("patient", who)
            if who and names_nobody(who):
                nobody.append(path)
                key = ("study", _text(header, "StudyInstanceUID"))
            patient = of_header.setdefault(key, name) if key[1] else name
            view = _text(header, "ViewPosition")
        ages.append(age)
        sexes.append(sex)
        # Free text may be anything; a view is a short code.
        view = view if re.fullmatch(r"[A-Z]{1,8}", view) else None
        cases.append(Case(patient, "1", path, age=parse_age(age), sex=parse_sex(sex), view=view))
    if not cases:
        raise RemnantError(f"{directory} holds no PNG, JPEG or DICOM; check the path.")
    notes = unread(directory, ages, sexes)
    if left := [path for path in _visible(directory) if path.name.lower().endswith(UNREAD)]:
        endings = ", ".join(sorted({path.suffix.lower() for path in left}))
        text = (
            f"{counted(len(left), 'file')} ({endings}) {'is' if len(left) == 1 else 'are'} left out; if they are "
            "radiographs, export them as PNG."
        )
        notes.append(Note(text, tuple(left)))
    if nobody:
        text = (
            f"{counted(len(nobody), 'file has', 'files have')} a PatientID that stands for nobody, such as ANONYMOUS; each "
            "study counts as a patient."
        )
        notes.append(Note(text, tuple(nobody)))
    if len(of_header) == 1 and len(ages) > 2 and not nobody:
        text = f"All {len(ages)} DICOM files have one PatientID and count as one patient; if they are several, write a manifest."
        notes.append(Note(text, tuple(case.image for case in cases)))
    return make_cohort(directory, cases, {}, "manifest.csv", notes)


def _files(directory: Path):
    """Files that are radiographs by their ending, or DICOM by their first bytes, which archives name by UIDs."""
    for path in _visible(directory):
        if path.suffix.lower() in ENDINGS or is_dicom(path):
            yield path


def _visible(directory: Path):
    for path in files_below(directory):
        if not any(part.startswith(".") for part in path.relative_to(directory).parts):
            yield path


def _unique(relative: Path, taken: set[str]) -> str:
    """A name for a file, of the letters that ids may have."""
    plain = re.sub(r"[^A-Za-z0-9._+-]+", "-", str(relative.with_suffix("")).replace("/", "_")).lstrip("._+-") or "image"
    name, count = plain, 1
    while name in taken:
        count += 1
        name = f"{plain}-{count}"
    taken.add(name)
    return name


def _text(header: pydicom.Dataset, keyword: str) -> str:
    """A value as text; '' for one that is not there or cannot be decoded."""
    try:
        value = header.get(keyword)
    except Exception:
        return ""
    return "" if value is None else str(value).strip()
