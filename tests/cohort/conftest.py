"""Heads drawn from formulas, at any pose and on any grid, and cohorts of them on disk."""

import csv
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.uid import ExplicitVRLittleEndian, generate_uid
from scipy.spatial.transform import Rotation

NO_POSE = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0)


@dataclass(frozen=True)
class Drawing:
    image: np.ndarray
    labels: np.ndarray
    affine: np.ndarray


@pytest.fixture(scope="session")
def draw_head():
    """`draw_head(seed, pose, shape, spacing, offset, noise)`: an asymmetric head, never interpolated.

    `pose`: three rotations (radians) and three translations (mm); `offset` (mm) moves the grid under the
    head.
    """

    def draw(seed, pose=NO_POSE, shape=(48, 56, 48), spacing=(4.0, 4.0, 4.0), offset=(0, 0, 0), noise=0.0):
        rng = np.random.default_rng(seed)
        affine = np.diag([*spacing, 1.0])
        affine[:3, 3] = -np.array(spacing) * (np.array(shape) - 1) / 2 + offset
        points = np.moveaxis(np.indices(shape), 0, -1) * spacing + affine[:3, 3]
        points = (points - pose[3:]) @ Rotation.from_euler("xyz", pose[:3]).as_matrix()

        def blob(centre, radii):
            distance = np.linalg.norm((points - centre) / radii, axis=-1)
            return 1 / (1 + np.exp((distance - 1) * np.mean(radii) / 2))

        size = rng.uniform(0.95, 1.05, 3)
        outer = np.maximum(blob((0, 0, 0), size * (58, 72, 52)), blob((0, -25, -40), (22, 20, 30)))
        inner = np.zeros(shape)
        deep = np.zeros(shape)
        for index in range(14):
            where = rng.uniform(-1, 1, 3) * (35, 48, 28)
            part = blob(where, rng.uniform(6, 16, 3))
            inner += part * rng.uniform(-0.5, 0.5)
            if index < 4:
                deep = np.maximum(deep, part)
        head = outer > 0.5
        image = np.where(head, 200 * outer * (1 + inner).clip(0.2, 2), 0)
        image = np.where(head, (image + noise * rng.standard_normal(shape)).clip(1), 0)
        labels = np.where(head, np.where(deep > 0.5, 20, np.where(inner > 0, 30, 10)), 0)
        return Drawing(image.astype(np.float32), labels.astype(np.int16), affine)

    return draw


def write_volume(path: Path, array: np.ndarray, affine: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(array, affine), path)
    return path


@pytest.fixture(scope="session")
def save_volume():
    """`save_volume(path, array, affine)`, by nibabel, not by the code under test."""
    return write_volume


LABELS = (
    ("0", "nothing", "none", "background"),
    ("10", "cortex", "gm", "gyri"),
    ("20", "caudate", "nuclei", "deep_grey"),
    ("30", "white", "wm", "other_brain"),
)


@pytest.fixture(scope="session")
def write_manifest():
    """`write_manifest(directory, {(patient, session): Drawing})`: a cohort in the manifest layout."""

    def write(directory: Path, scans: dict[tuple[str, str], Drawing]) -> Path:
        rows = []
        for (patient, session), drawing in scans.items():
            name = f"{patient}{session}.nii.gz"
            write_volume(directory / "images" / name, drawing.image, drawing.affine)
            write_volume(directory / "labels" / name, drawing.labels, drawing.affine)
            rows.append((f"images/{name}", f"labels/{name}", patient, session, "61", "F", "ignored"))
        header = ("image", "label", "subject_id", "session_id", "age", "sex", "other")
        for file, lines in (
            ("manifest.csv", (header, *rows)),
            ("labels.csv", (("label", "name", "tissue5", "lpba3"), *LABELS)),
        ):
            with (directory / file).open("w", newline="") as out:
                csv.writer(out).writerows(lines)
        return directory

    return write


@pytest.fixture(scope="session")
def put():
    """`put(path, text)`: write a file with the folders above it; the path."""

    def write(path, text=""):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    return write


@pytest.fixture(scope="session")
def write_series():
    """`write_series(directory, volume, patient, change, folder)`: a volume (x, y, z) as DICOM slices, in an order that is not
    that of their names, without a word of a person; `change(header)` before each is written.
    """

    def write(directory, volume, patient="P001", change=None, folder="series"):
        (directory / folder).mkdir(parents=True, exist_ok=True)
        series, study = generate_uid(entropy_srcs=[folder, patient]), generate_uid(entropy_srcs=["study", patient])
        for number in range(volume.shape[2]):
            header = pydicom.Dataset()
            header.file_meta = pydicom.dataset.FileMetaDataset()
            header.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
            header.file_meta.MediaStorageSOPClassUID = header.SOPClassUID = "1.2.840.10008.5.1.4.1.1.4"
            header.file_meta.MediaStorageSOPInstanceUID = header.SOPInstanceUID = generate_uid(
                entropy_srcs=[series, str(number)]
            )
            header.PatientID, header.SeriesInstanceUID, header.StudyInstanceUID = patient, series, study
            header.PatientIdentityRemoved = "YES"
            header.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
            header.ImagePositionPatient = [-10, 20, 3 * number]
            header.PixelSpacing = [2, 1.5]
            plane = np.ascontiguousarray(volume[:, :, number].T.astype(np.uint16))
            header.Rows, header.Columns = plane.shape
            header.SamplesPerPixel, header.PhotometricInterpretation = 1, "MONOCHROME2"
            header.BitsAllocated = header.BitsStored = 16
            header.HighBit, header.PixelRepresentation = 15, 0
            header.PixelData = plane.tobytes()
            if change:
                change(header)
            name = f"{(7 * number) % volume.shape[2]}.dcm"
            header.save_as(directory / folder / name, enforce_file_format=True)

    return write


NAME = "Mustermann^Erika"


@pytest.fixture(scope="session")
def ramp():
    """uint8 (12, 16): every column its own grey, from 0 to 255."""
    return np.tile(np.linspace(0, 255, 16).round().astype(np.uint8), (12, 1))


@pytest.fixture
def save(tmp_path):
    """`save(array, name, **options)`: an array as a picture of the mode that Pillow makes of it; the path."""

    def write(array, name="a.png", mode=None, **options):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        image = Image.fromarray(array)
        (image.convert(mode) if mode else image).save(path, **options)
        return path

    return write


@pytest.fixture
def dicom(tmp_path):
    """`dicom(stored, name, **elements)`: 16-bit MONOCHROME2 with the name of a patient; elements replace or add."""

    def write(stored, name="a.dcm", **elements):
        header = pydicom.Dataset()
        header.file_meta = pydicom.dataset.FileMetaDataset()
        header.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        header.file_meta.MediaStorageSOPClassUID = header.SOPClassUID = "1.2.840.10008.5.1.4.1.1.1"
        header.file_meta.MediaStorageSOPInstanceUID = header.SOPInstanceUID = generate_uid()
        header.Modality, header.PatientName, header.PatientID = "CR", NAME, NAME
        header.PatientAge, header.PatientSex, header.ViewPosition = "061Y", "F", "PA"
        stored = np.asarray(stored)
        header.Rows, header.Columns = stored.shape[:2]
        header.SamplesPerPixel, header.PhotometricInterpretation = 1, "MONOCHROME2"
        header.BitsAllocated = header.BitsStored = 8 * stored.dtype.itemsize
        header.HighBit = header.BitsStored - 1
        header.PixelRepresentation = int(stored.dtype.kind == "i")
        header.add_new("PixelData", "OW" if stored.dtype.itemsize > 1 else "OB", stored.tobytes())
        for keyword, value in elements.items():
            setattr(header, keyword, value)
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        header.save_as(path, enforce_file_format=True)
        return path

    return write
