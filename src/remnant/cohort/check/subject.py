"""What is checked: a directory's scans, one at a time, whether they are volumes or radiographs of a cohort, or DICOM series."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path

import numpy as np

from remnant.base.errors import RemnantError
from remnant.base.files import files_below
from remnant.cohort.case import Case, Cohort
from remnant.cohort.check.dicom import DicomFile, read_files
from remnant.cohort.files.radiograph import kind, read_radiograph
from remnant.cohort.files.series import is_placed, stack
from remnant.cohort.files.text_header import ENDINGS as TEXT_ENDINGS
from remnant.cohort.files.volume import nibabel_image, read_volume, volume_files
from remnant.cohort.layouts.read import read_cohort, tabled

# Of an Analyze pair the voxels: either opens both.
IMAGES = (".nii", ".nii.gz", ".img", ".img.gz", ".mgz", ".mgh", *TEXT_ENDINGS, ".png", ".jpg", ".jpeg")


@dataclass(frozen=True)
class Scan:
    """One image in memory. `array`: float32 (x, y, z) or (x, y) in the file's axes; `affine`: (4, 4) to mm, RAS+;
    `codes`: what else the file's header says of how it was written (type, scaling, codes).
    """

    patient: str
    session: str
    path: Path
    array: np.ndarray
    affine: np.ndarray
    codes: tuple[float, ...] = ()
    case: Case | None = None


@dataclass(frozen=True)
class Subject:
    """A directory to check. `cohort`: its images and label maps, by its tables; `dicom`: every DICOM file in it, which are the
    scans where there is no `cohort`. `unreadable`: files that cannot be read, each with the reason; `notes`: what else to tell.
    """

    root: Path
    cohort: Cohort | None = None
    dicom: tuple[DicomFile, ...] = ()
    unreadable: dict[Path, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @cached_property
    def series(self) -> dict[tuple[str, str], list[DicomFile]]:
        """The DICOM files of each (patient, scan)."""
        series = defaultdict(list)
        for one in self.dicom:
            if one.pictured and (one.flat or one.scanned):
                series[one.patient, one.scan].append(one)
        return dict(series)

    @cached_property
    def files(self) -> list[Path]:
        """Every file that the subject consists of: images, label maps, slices."""
        named = (
            [path for case in self.cohort.cases for path in (case.image, case.labels) if path] if self.cohort else []
        )
        return list(
            dict.fromkeys([*(file for path in named for file in _files_of(path)), *(one.path for one in self.dicom)])
        )

    @cached_property
    def others(self) -> tuple[Path, ...]:
        """Volumes and pictures below `root` that are no part of the subject: other sequences, channels, derivatives."""
        own = {path.resolve() for path in self.files}
        return tuple(
            path
            for path in files_below(self.root)
            if path.name.lower().endswith(IMAGES) and not path.name.startswith(".") and path.resolve() not in own
        )

    @property
    def count(self) -> int:
        return len(self.cohort.cases) if self.cohort else len(self.series)

    def scans(self) -> Iterator[Scan]:
        """Every scan that can be read, one in memory at a time; the others are put into `unreadable` with the reason."""
        for patient, session, path, read in self._readers():
            try:
                scan = read(patient, session, path)
            except RemnantError as error:
                self.unreadable[path] = str(error)
                continue
            yield scan

    def _readers(self) -> Iterator[tuple[str, str, Path, Callable[..., Scan]]]:
        if self.cohort is None:
            for (patient, name), files in self.series.items():
                yield patient, name, files[0].path, _flat if files[0].flat else partial(_stacked, files)
            return
        for case in self.cohort.cases:
            read = _flat if case.image.is_file() and kind(case.image) and not is_placed(case.image) else _volume
            yield case.patient, case.session, case.image, partial(read, case=case)


def open_subject(directory: Path) -> Subject:
    """What is in `directory`; raise `RemnantError` where it is neither a known cohort nor a folder of DICOM files."""
    directory = Path(directory)
    dicom, unreadable = read_files(directory) if directory.is_dir() else ([], {})
    if not dicom and not unreadable:
        return Subject(directory, cohort=read_cohort(directory, tell=_nobody))
    subject = Subject(directory, dicom=tuple(dicom), unreadable=unreadable)
    if not tabled(directory):
        return subject
    try:
        return replace(subject, cohort=read_cohort(directory, tell=_nobody))
    except RemnantError as error:
        # A list of slices may look like a manifest.
        return replace(subject, notes=(f"Only the DICOM files were checked, since no cohort could be read: {error}",))


def _nobody(note: str) -> None:
    """The notes of a cohort are findings here."""


def _files_of(path: Path) -> tuple[Path, ...]:
    try:
        return volume_files(path)
    except RemnantError:
        # What is wrong with it is told when it is read.
        return (path,)


def _stacked(files: list[DicomFile], patient: str, session: str, path: Path) -> Scan:
    made = stack(files, path.parent)
    return Scan(patient, session, path, made.voxels(), made.affine)


def _volume(patient: str, session: str, path: Path, case: Case) -> Scan:
    array, affine = read_volume(path)
    return Scan(patient, session, path, array, affine, _codes(path), case)


def _flat(patient: str, session: str, path: Path, case: Case | None = None) -> Scan:
    picture = read_radiograph(path)
    down, across = picture.spacing or (1.0, 1.0)
    return Scan(patient, session, path, picture.pixels.T, np.diag([across, down, 1.0, 1.0]), picture.codes, case)


def _codes(path: Path) -> tuple[float, ...]:
    """What the header of a NIfTI or Analyze file says of how it was written, as numbers; () for other formats."""
    if (image := nibabel_image(path)) is None:
        return ()
    header = image.header
    names = ("datatype", "qform_code", "sform_code", "xyzt_units", "vox_offset")
    codes = [float(np.nan_to_num(header[name])) for name in names if name in header]
    # nibabel empties slope and inter of the header it returns, and keeps them with the data.
    scaling = [float(np.nan_to_num(getattr(image.dataobj, name, 0.0))) for name in ("slope", "inter")]
    return (*codes, float(header.endianness == "<"), *scaling)
