"""PPMI as LONI's Image and Data Archive hands it out (www.ppmi-info.org), T1-weighted scans as NIfTI, with label maps beside.

PPMI/<subject>/<series>/<date>_<time>/I<image id>/<any name>.nii or .nii.gz, one image a folder: downloaded as NIfTI, or
converted from DICOM into the same folder. The collection's own CSV (any name; at least the columns Image Data ID, Subject,
Sex, Age, Visit and Modality) lies in DIR or in DIR/PPMI; several of them, or none, will do.

Label maps are not part of the archive: run FreeSurfer, bring its map onto the grid of the scan (`mri_vol2vol --nearest`)
and save it in the image's folder under a name that ends in aseg.nii.gz, aparc+aseg.nii.gz or wmparc.nii.gz (or .nii), such as
I243182_aseg.nii.gz. Its values are merged by the table in `freesurfer`, or by DIR/labels.csv where there is one.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from remnant.base.errors import RemnantError
from remnant.cohort.case import Case, Cohort
from remnant.cohort.layouts.freesurfer import tissue5_of_values
from remnant.cohort.layouts.people import parse_age, parse_sex, unread
from remnant.cohort.layouts.table import make_cohort, read_schemes, read_table
from remnant.cohort.layouts.tissues import tissue_schemes

LOOKED_FOR = "PPMI (PPMI/<subject>/<series>/<date>/I<image>/*.nii, as the archive of LONI hands it out)"
COLUMNS = ("Image Data ID", "Subject", "Sex", "Age", "Visit", "Modality")
LABELS = re.compile(r"(?:.*[._-])?(?:aseg|aparc(?:\.\w+)?\+aseg|wmparc)\.nii(?:\.gz)?")
DATE = re.compile(r"\d{4}-\d\d-\d\d(?:_.*)?")
IMAGE = re.compile(r"I(\d+)")
# Names of series of other contrasts. That T1 stands in a name tells nothing: "T2 in T1-anatomical space" is one of PPMI's.
OTHER_CONTRAST = re.compile(
    r"(?<![A-Za-z0-9])(T2W?|FLAIR|PD|DTI|DWI|ADC|BOLD|fMRI|rsfMRI|ASL|SWI)(?![A-Za-z0-9])", re.IGNORECASE
)


def recognises(directory: Path) -> bool:
    return next(_folders(directory), None) is not None


def read(directory: Path) -> Cohort:
    """Read the cohort: a case an image; the session is the table's visit or, without a table, the scan's number by date.

    Images without a label map are in it: what needs label maps says so. Raises `RemnantError` for a folder of several
    images or label maps, an image that the tables do not list, under another subject, or as no MRI, and a series of
    another contrast.
    """
    table = _table(directory)
    cases = []
    visits: dict[str, int] = {}
    # By subject, then by date: a series' name comes before the date in the path.
    for folder in sorted(_folders(directory), key=lambda folder: (folder.parts[-4], folder.parts[-2], folder.name)):
        subject, series = folder.parts[-4:-2]
        if contrast := OTHER_CONTRAST.search(series):
            raise RemnantError(
                f"The series {folder.parents[1]} is {contrast[0]} by its name and not T1-weighted; move it out of {directory}."
            )
        image, labels = _files(folder)
        row = _row(table, folder, directory) if table else {}
        visits[subject] = visits.get(subject, 0) + 1
        cases.append(
            Case(
                patient=subject,
                # A date would say more of the patient than an id should.
                session=re.sub(r"[^A-Za-z0-9.+]+", "-", row.get("Visit", "")).strip("-") or str(visits[subject]),
                image=image,
                labels=labels,
                age=parse_age(row.get("Age", "")),
                sex=parse_sex(row.get("Sex", "")),
            )
        )
    schemes = tissue_schemes(tissue5_of_values()) | read_schemes(directory / "labels.csv", "label")
    columns = ([row[name] for row in table.values()] for name in ("Age", "Sex"))
    return make_cohort(directory, cases, schemes, "labels.csv", unread(directory, *columns))


def _root(directory: Path) -> Path:
    inner = directory / "PPMI"
    return inner if inner.is_dir() else directory


def _folders(directory: Path) -> Iterator[Path]:
    """The folders that hold an image: <subject>/<series>/<date>/I<image id>."""
    for folder in _root(directory).glob("*/*/*/I*"):
        if IMAGE.fullmatch(folder.name) and DATE.fullmatch(folder.parent.name) and any(_volumes(folder)):
            yield folder


def _volumes(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("[!.]*.nii*") if path.name.endswith((".nii", ".nii.gz")))


def _files(folder: Path) -> tuple[Path, Path | None]:
    """The image of a folder and its label map, if it has one."""
    labels = [path for path in _volumes(folder) if LABELS.fullmatch(path.name)]
    images = [path for path in _volumes(folder) if path not in labels]
    if len(images) != 1:
        raise RemnantError(f"{folder} must hold one image. Got {len(images)} instead; leave one beside its label map.")
    if len(labels) > 1:
        raise RemnantError(f"{folder} holds the label maps {labels[0].name} and {labels[1].name}; keep one of them.")
    return images[0], labels[0] if labels else None


def _table(directory: Path) -> dict[str, dict[str, str]]:
    """The rows of all tables of collections, by image id without its I; {} where there is none."""
    rows: dict[str, dict[str, str]] = {}
    for path in sorted({*directory.glob("*.csv"), *_root(directory).glob("*.csv")}):
        with path.open(encoding="utf-8-sig", errors="replace") as file:
            if COLUMNS[0] not in file.readline():
                continue
        rows |= {row[COLUMNS[0]].lstrip("I"): row for row in read_table(path, COLUMNS).to_dict("records")}
    return rows


def _row(table: dict[str, dict[str, str]], folder: Path, directory: Path) -> dict[str, str]:
    row = table.get(IMAGE.fullmatch(folder.name)[1])
    if row is None:
        raise RemnantError(
            f"The table of {directory} does not list the image {folder.name}; add the CSV of its collection."
        )
    if row["Subject"] != folder.parts[-4]:
        raise RemnantError(
            f"{folder} lies under the subject {folder.parts[-4]}, but the table of {directory} says {row['Subject']}; mend one."
        )
    if row["Modality"] != "MRI":
        raise RemnantError(f"{folder} holds {row['Modality']!r} by the table of {directory} and no MRI; move it away.")
    return row
