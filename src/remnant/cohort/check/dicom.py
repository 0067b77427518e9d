"""DICOM slices of a folder, and the volumes that they make. Conformance: DICOM PS3.3 C.7.6.2 (image plane)."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pydicom

from remnant.cohort.radiograph.dicom import RADIOGRAPH, quiet_pydicom

PREAMBLE = 128


@dataclass(frozen=True)
class Slice:
    """One DICOM file; `header` is everything but the pixels."""

    path: Path
    header: pydicom.Dataset

    @property
    def patient(self) -> str:
        return str(self.header.get("PatientID", "")) or "unnamed"

    @property
    def modality(self) -> str:
        return str(self.header.get("Modality", "")).strip().upper()

    @property
    def series(self) -> str:
        """What slices of one volume share; a radiograph is alone."""
        if self.modality in RADIOGRAPH:
            return str(self.path)
        return str(self.header.get("SeriesInstanceUID", "")) or str(self.path.parent)


def read_slices(directory: Path) -> list[Slice]:
    """Every DICOM file below `directory`, known by its preamble ("DICM" at byte 128) or by its name, *.dcm."""
    slices = []
    for path in sorted(path for path in directory.rglob("*") if path.suffix.lower() in ("", ".dcm", ".ima")):
        if path.is_file() and (path.suffix or _is_dicom(path)):
            try:
                with quiet_pydicom():
                    header = pydicom.dcmread(path, stop_before_pixels=True, force=path.suffix != "")
            except (pydicom.errors.InvalidDicomError, OSError, ValueError, AttributeError):
                continue
            if "SOPClassUID" in header or "PatientID" in header:
                slices.append(Slice(path, header))
    return slices


def stack(slices: Sequence[Slice]) -> tuple[np.ndarray, np.ndarray] | None:
    """A series' float32 (x, y, z) and affine (4, 4) in RAS+, slices by position; None where they make no volume."""
    try:
        axes = np.array(slices[0].header.ImageOrientationPatient, float).reshape(2, 3)
        normal = np.cross(*axes)
        ordered = sorted(slices, key=lambda one: normal @ np.array(one.header.ImagePositionPatient, float))
        with quiet_pydicom():
            planes = [pydicom.dcmread(one.path).pixel_array.astype(np.float32).T for one in ordered]
        array = np.stack(planes, axis=-1)
        first, last = (np.array(ordered[i].header.ImagePositionPatient, float) for i in (0, -1))
        down, across = (float(size) for size in slices[0].header.PixelSpacing)
    except (AttributeError, KeyError, TypeError, ValueError, NotImplementedError, RuntimeError):
        return None
    affine = np.eye(4)
    step = (last - first) / max(1, len(planes) - 1)
    affine[:3] = np.column_stack([axes[0] * across, axes[1] * down, step, first])
    # DICOM's patient axes are LPS.
    affine[:2] *= -1
    return array, affine


def _is_dicom(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(PREAMBLE + 4)[PREAMBLE:] == b"DICM"
