"""Radiographs on disk: pictures of a gradient, and DICOM files with a name in the header."""

import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

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
