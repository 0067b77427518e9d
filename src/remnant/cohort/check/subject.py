"""What is checked: a directory's scans, one at a time, whether they are NIfTI or radiographs of a cohort, or DICOM series."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import nibabel as nib
import numpy as np

from remnant.base.errors import RemnantError
from remnant.cohort.case import Case, Cohort
from remnant.cohort.check.dicom import Slice, read_slices, stack
from remnant.cohort.nifti import read_volume
from remnant.cohort.radiograph.dicom import RADIOGRAPH
from remnant.cohort.radiograph.image import Radiograph
from remnant.cohort.radiograph.read import kind, read_radiograph
from remnant.cohort.read import read_cohort


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
    """A directory to check: a `cohort` of NIfTI files or radiographs, or the `slices` of DICOM files, each series, and each
    radiograph, a scan."""

    root: Path
    cohort: Cohort | None = None
    slices: tuple[Slice, ...] = ()
    unreadable: dict[Path, str] = field(default_factory=dict)

    @cached_property
    def series(self) -> dict[tuple[str, str], list[Slice]]:
        """The slices of each (patient, series)."""
        series = defaultdict(list)
        for one in self.slices:
            series[one.patient, one.series].append(one)
        return dict(series)

    @property
    def files(self) -> list[Path]:
        """Every file that the subject consists of: images, label maps, slices."""
        if self.cohort is None:
            return [one.path for one in self.slices]
        return [path for case in self.cohort.cases for path in (case.image, case.labels) if path]

    @property
    def count(self) -> int:
        return len(self.cohort.cases) if self.cohort else len(self.series)

    def scans(self) -> Iterator[Scan]:
        """Every scan that can be read, one in memory at a time; the others are put into `unreadable` with the reason."""
        if self.cohort is None:
            for (patient, name), slices in self.series.items():
                if slices[0].modality in RADIOGRAPH:
                    if (picture := self._radiograph(slices[0].path)) is not None:
                        yield _flat(picture, patient, name, slices[0].path)
                elif made := stack(slices):
                    yield Scan(patient, name, slices[0].path, *made)
            return
        for case in self.cohort.cases:
            if case.image.is_file() and kind(case.image):
                if (picture := self._radiograph(case.image)) is not None:
                    yield _flat(picture, case.patient, case.session, case.image, case)
                continue
            try:
                array, affine = read_volume(case.image)
            except RemnantError as error:
                self.unreadable[case.image] = str(error)
                continue
            yield Scan(case.patient, case.session, case.image, array, affine, _codes(case.image), case)

    def _radiograph(self, path: Path) -> Radiograph | None:
        try:
            return read_radiograph(path)
        except RemnantError as error:
            self.unreadable[path] = str(error)
            return None


def open_subject(directory: Path) -> Subject:
    """What is in `directory`; raise `RemnantError` where it is neither a known cohort nor a folder of DICOM files."""
    directory = Path(directory)
    # A list of DICOM slices may look like a manifest: it is the files that tell.
    if directory.is_dir() and (slices := read_slices(directory)):
        return Subject(directory, slices=tuple(slices))
    return Subject(directory, cohort=read_cohort(directory))


def _flat(picture: Radiograph, patient: str, session: str, path: Path, case: Case | None = None) -> Scan:
    down, across = picture.spacing or (1.0, 1.0)
    return Scan(patient, session, path, picture.pixels.T, np.diag([across, down, 1.0, 1.0]), picture.codes, case)


def _codes(path: Path) -> tuple[float, ...]:
    image = nib.load(path)
    header = image.header
    # nibabel empties slope and inter of the header it returns, and keeps them with the data.
    scaling = (image.dataobj.slope, image.dataobj.inter)
    codes = (header["datatype"], header["qform_code"], header["sform_code"], header["xyzt_units"], header["vox_offset"])
    return tuple(float(np.nan_to_num(value)) for value in (*codes, header.endianness == "<", *scaling))
