"""The DICOM files of a folder, whatever they are called, and what kind of image each is."""

from dataclasses import dataclass
from pathlib import Path

import pydicom

from remnant.base.errors import RemnantError, foreign
from remnant.base.files import files_below
from remnant.cohort.files.dicom import is_dicom, open_dicom, quiet_pydicom
from remnant.cohort.files.radiograph_dicom import NO_RADIOGRAPH
from remnant.cohort.files.series import Slice
from remnant.cohort.layouts.people import names_nobody

ENDINGS = (".dcm", ".ima")
# Made from other images, or of doses: nothing in them is scanned.
DERIVED = {"SEG", "RTDOSE", "PR", "REG"}


@dataclass(frozen=True)
class DicomFile(Slice):
    """One DICOM file of a folder."""

    @property
    def nameless(self) -> bool:
        """Whether the PatientID is one that stands for everybody, such as ANONYMOUS."""
        return names_nobody(str(self.header.get("PatientID", "")))

    @property
    def patient(self) -> str:
        """The PatientID or, where it tells nobody, the study: more than one patient can have no part in it."""
        if self.nameless:
            return (
                f"study {self.header.get('StudyInstanceUID', '')}"
                if "StudyInstanceUID" in self.header
                else str(self.path)
            )
        return str(self.header.get("PatientID", ""))

    @property
    def flat(self) -> bool:
        """Whether it is a picture of its own, such as a radiograph."""
        return not self.placed and self.modality not in NO_RADIOGRAPH

    @property
    def scanned(self) -> bool:
        """Whether it is part of a volume."""
        return self.placed and self.modality not in DERIVED

    @property
    def emptied(self) -> bool:
        """Whether it is an image, by the class of its object or for want of one, and lost its pixels, as a file that was cut."""
        named = self.header.get("SOPClassUID") or self.header.file_meta.get("MediaStorageSOPClassUID")
        return not self.pictured and (named is None or "Image Storage" in pydicom.uid.UID(str(named)).name)

    @property
    def scan(self) -> str:
        """What the files of one scan share."""
        return str(self.path) if self.flat else self.series


def read_files(directory: Path) -> tuple[list[DicomFile], dict[Path, str]]:
    """Every DICOM file below `directory`, and those that cannot be read, each with the reason.

    Known by its first bytes, so that names such as a UID do not hide it, or by its ending. AppleDouble files (._*) are none.
    """
    files, unreadable = [], {}
    for path in (path for path in files_below(directory) if not path.name.startswith("._")):
        if not (is_dicom(path) or path.suffix.lower() in ENDINGS):
            continue
        try:
            found = DicomFile(path, open_dicom(path, stop_before_pixels=True))
            with quiet_pydicom(), foreign(path, "has a damaged header", "copy or export it again", told=False):
                # pydicom reads a value when it is asked for; the checks ask for all of them.
                for _ in found.header.iterall():
                    pass
                emptied = found.emptied
        except RemnantError as error:
            unreadable[path] = str(error)
            continue
        if not len(found.header):
            unreadable[path] = f"{path} holds nothing that is DICOM, though it is called so; export it again."
            continue
        # What is left of its header may still name somebody.
        files.append(found)
        if emptied:
            unreadable[path] = (
                f"{path} is an image that holds no pixels, as one that was cut off; copy or export it again."
            )
    return files, unreadable
