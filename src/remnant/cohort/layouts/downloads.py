"""Public sets as they are downloaded or as their tools leave them: a pattern of names each, `SETS`.

People without a label map are in the cohort, and what needs label maps says so; where nobody has one, a note says where it
would be looked for (`lacking`). labels.csv in the directory merges values into further schemes, as in a manifest.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from remnant.cohort.case import CLASSES, Case, Cohort, LabelScheme, Note
from remnant.cohort.layouts.freesurfer import tissue5_of_values
from remnant.cohort.layouts.people import parse_age, parse_sex, unread
from remnant.cohort.layouts.table import make_cohort, own_scheme, read_schemes, read_table
from remnant.cohort.layouts.tissues import tissue_schemes

ENDING = r"\.(?:nii|nii\.gz|img|img\.gz|hdr)"
BESIDE = ("_seg", "-seg", "_dseg", "_labels")
# FSL's FAST, on OASIS.
FAST = {0: "background", 1: "csf", 2: "gm", 3: "wm"}
# 4 until 2022, 3 since.
TUMOUR = {1: "necrotic_core", 2: "oedema", 3: "enhancing_tumour", 4: "enhancing_tumour"}


@dataclass(frozen=True)
class Downloaded:
    """One set, read as a layout (`recognises`, `read`).

    `image`: what a scan's path below the directory ends with, its groups `patient` and, where it tells visits apart, `session`;
    `globs`: where such files lie; `labels(image)`: where label maps may lie, the first that exists counts. `tables`: globs of
    tables whose columns `columns` are id, age and sex; an id is a patient's, alone or with the session. `sexes`: codes of sexes.
    `lacking`: where label maps that are not part of the download are to be put.
    """

    LOOKED_FOR: str
    globs: tuple[str, ...]
    image: re.Pattern
    labels: Callable[[Path], list[Path]]
    schemes: Callable[[], dict[str, LabelScheme]] = dict
    tables: tuple[str, ...] = ()
    columns: tuple[str, str, str] = ("", "", "")
    sexes: dict[str, str] = field(default_factory=dict)
    lacking: str = "copy them there as they were downloaded"

    def recognises(self, directory: Path) -> bool:
        return any(self._match(path, directory) for pattern in self.globs for path in directory.glob(pattern))

    def read(self, directory: Path) -> Cohort:
        """Read the cohort: a case an image, the first of `globs` that a folder has; ages and sexes where a table has them.

        Raises `RemnantError` as `make_cohort` and `read_table` do.
        """
        people, notes = self._people(directory)
        images: dict[tuple[str, str], Path] = {}
        for pattern in self.globs:
            for path in sorted(directory.glob(pattern)):
                if match := self._match(path, directory):
                    images.setdefault((match["patient"], match.groupdict().get("session") or "1"), path)
        cases = []
        for (patient, session), image in sorted(images.items()):
            age, sex = people.get(f"{patient}_{session}") or people.get(patient) or ("", "")
            labels = next((path for path in self.labels(image) if path.exists()), None)
            cases.append(Case(patient, session, image, labels, parse_age(age), parse_sex(self.sexes.get(sex, sex))))
        if self.tables and not any(case.age or case.sex for case in cases):
            names = " or ".join(self.tables)
            text = (
                f"No age or sex was found in {names} (columns {', '.join(self.columns)}), though the table names these people."
                if any(f"{case.patient}_{case.session}" in people or case.patient in people for case in cases)
                else f"There is no table {names} that names these people; their ages and sexes are unknown."
            )
            notes.append(Note(text))
        if not any(case.labels for case in cases):
            notes.append(Note(f"There are no label maps; {self.lacking}."))
        schemes = self.schemes() | read_schemes(directory / "labels.csv", "label")
        return make_cohort(directory, cases, schemes, "labels.csv", notes)

    def _match(self, path: Path, directory: Path) -> re.Match | None:
        return self.image.search(f"/{path.relative_to(directory).as_posix()}")

    def _people(self, directory: Path) -> tuple[dict[str, tuple[str, str]], list]:
        people, notes = {}, []
        for path in sorted(path for pattern in self.tables for path in directory.glob(pattern)):
            name, age, sex = self.columns
            table = read_table(path, (name,))
            columns = {column: list(table[column]) for column in (age, sex) if column in table.columns}
            notes += unread(path, columns.get(age, []), [self.sexes.get(text, text) for text in columns.get(sex, [])])
            for row in table.to_dict("records"):
                people[self._id(row[name])] = (row.get(age, ""), row.get(sex, ""))
        return people, notes

    def _id(self, text: str) -> str:
        """An id as the names of files have it: IXI writes 2 for IXI002."""
        return f"IXI{int(text):03d}" if self.columns[0] == "IXI_ID" and text.isdecimal() else text


def _beside(image: Path) -> list[Path]:
    stem = re.sub(ENDING + "$", "", image.name)
    return [image.with_name(f"{stem}{behind}{ending}") for behind in BESIDE for ending in (".nii.gz", ".nii")]


def _in_place_of(last: str) -> Callable[[Path], list[Path]]:
    """The scan's name with another word in place of its last, `last`: BraTS2021_00000_t1 and _seg."""

    def labels(image: Path) -> list[Path]:
        return [image.with_name(re.sub(rf"[^_-]+({ENDING})$", rf"{last}\1", image.name))]

    return labels


def _fast(image: Path) -> list[Path]:
    visit = image.parents[3]
    stem = re.sub(ENDING + "$", "", image.name)
    return [visit / f"FSL_SEG/{stem}_fseg{ending}" for ending in (".img", ".hdr", ".nii.gz", ".nii", ".img.gz")]


def _aseg(image: Path) -> list[Path]:
    names = ("aparc+aseg.mgz", "aseg.mgz", "aparc.DKTatlas+aseg.deep.mgz", "aseg.auto_noCCseg.mgz")
    return [image.with_name(name) for name in names]


def _tissue3() -> dict[str, LabelScheme]:
    classes = CLASSES["tissue3"]
    return {
        "tissue3": LabelScheme("tissue3", classes, {value: classes.index(name) for value, name in FAST.items()}),
        "labels": own_scheme(FAST),
    }


SETS = (
    Downloaded(
        "OASIS-1 (OAS1_0001_MR1/PROCESSED/MPRAGE/T88_111 and FSL_SEG)",
        ("**/PROCESSED/MPRAGE/T88_111/*_t88_masked_gfc.*",),
        re.compile(
            r"/(?P<patient>OAS1_\d{4})_(?P<session>MR\d)/PROCESSED/MPRAGE/T88_111/[^/]+_t88_masked_gfc\.(?:img|nii)(?:\.gz)?$"
        ),
        _fast,
        _tissue3,
        ("oasis_cross-sectional*.csv",),
        ("ID", "Age", "M/F"),
    ),
    Downloaded(
        "IXI (IXI002-Guys-0828-T1.nii.gz, and IXI.csv, its table saved as CSV)",
        ("IXI*-T1.nii*", "*/IXI*-T1.nii*"),
        re.compile(r"/(?P<patient>IXI\d{3})-[A-Za-z]+-\d{4}-T1\.nii(?:\.gz)?$"),
        _beside,
        tables=("IXI*.csv",),
        columns=("IXI_ID", "AGE", "SEX_ID (1=m, 2=f)"),
        sexes={"1": "M", "2": "F"},
        lacking="put each beside its scan, under its name with _seg behind it: IXI002-Guys-0828-T1_seg.nii.gz",
    ),
    Downloaded(
        "BraTS (BraTS2021_00000/BraTS2021_00000_t1.nii.gz and _seg.nii.gz)",
        ("**/BraTS*/BraTS*t1.nii*", "**/BraTS*/BraTS*t1n.nii*"),
        re.compile(
            r"/(?P<patient>BraTS[A-Za-z0-9]*(?:_[A-Za-z]+)*_\d+|BraTS-[A-Z]+-\d{5})(?:-(?P<session>\d{3}))?[_-]t1n?\.nii(?:\.gz)?$"
        ),
        _in_place_of("seg"),
        lambda: {"labels": own_scheme(TUMOUR)},
    ),
    Downloaded(
        "FreeSurfer (SUBJECTS_DIR: bert/mri/T1.mgz and aseg.mgz)",
        ("*/mri/T1.mgz", "*/mri/orig.mgz"),
        re.compile(r"/(?P<patient>(?!fsaverage|.*\.long\.)[^/]+)/mri/(?:T1|orig)\.mgz$"),
        _aseg,
        lambda: tissue_schemes(tissue5_of_values()),
    ),
    Downloaded(
        "TotalSegmentator (s0001/ct.nii.gz or mri.nii.gz, and meta.csv)",
        ("s[0-9]*/ct.nii.gz", "s[0-9]*/mri.nii.gz"),
        re.compile(r"/(?P<patient>s\d{4})/(?:ct|mri)\.nii\.gz$"),
        lambda image: [image.with_name("labels.nii.gz"), image.with_name("segmentation.nii.gz")],
        tables=("meta.csv",),
        columns=("image_id", "age", "gender"),
        lacking="merge the masks in segmentations/ into one map of numbered organs beside each scan, labels.nii.gz",
    ),
)
