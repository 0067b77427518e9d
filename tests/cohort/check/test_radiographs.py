import numpy as np
import pydicom
import pytest
from PIL import Image, PngImagePlugin
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

from remnant.cohort.check import check_directory
from remnant.cohort.phantoms import ChestPhantoms, write_manifest


@pytest.fixture
def chests(tmp_path):
    write_manifest(ChestPhantoms(patients=4, sessions=2, side=64), tmp_path / "chests", quiet=True)
    return tmp_path / "chests"


def found(directory, check):
    return [one for one in check_directory(directory, quiet=True).findings if one.check == check]


def test_a_clean_folder_of_radiographs(chests):
    report = check_directory(chests, quiet=True)
    assert report.counts == {"layout": "manifest.csv", "patients": 4, "sessions": 8, "scans": 8, "files": 8}
    assert report.findings == ()


def test_a_border_that_betrays_its_patient(tmp_path):
    write_manifest(ChestPhantoms(patients=12, sessions=2, side=32), tmp_path / "chests", quiet=True)
    for path in (tmp_path / "chests/images").iterdir():
        framed = np.pad(np.asarray(Image.open(path)), int(path.name[5:10]))
        Image.fromarray(framed).save(path)
    texts = [one.text for one in found(tmp_path / "chests", "fingerprints")]
    (border,) = [text for text in texts if text.startswith("By the border alone")]
    assert "of 12 of 12 patients" in border and "with and without a crop of the middle" in border


def test_a_radiograph_that_cannot_be_read(chests):
    path = chests / "images/chest00001_visit01.png"
    path.write_bytes(path.read_bytes()[:200])
    (one,) = found(chests, "contents")
    assert one.severity == "error" and "cut off or damaged" in one.text


def test_the_same_radiograph_under_two_patients(chests):
    first, other = (chests / f"images/chest0000{number}_visit01.png" for number in (1, 2))
    other.write_bytes(first.read_bytes())
    (one,) = found(chests, "duplicates")
    assert one.severity == "error" and "under two patients" in one.text


def test_a_name_beside_the_picture(chests):
    path = chests / "images/chest00001_visit01.png"
    image = Image.open(path)
    chunk = PngImagePlugin.PngInfo()
    chunk.add_text("Patient", "Mustermann^Erika")
    image.save(path, pnginfo=chunk)
    (one,) = found(chests, "header")
    assert one.severity == "error" and "looks like a name" in one.text and "Mustermann" not in one.text
    exif = image.getexif()
    exif[0x010E] = "a chest"
    image.save(path.with_suffix(".jpg"), exif=exif)
    path.with_suffix(".jpg").replace(path)
    (one,) = found(chests, "header")
    assert one.severity == "warning" and "EXIF ImageDescription of 1 header holds free text" in one.text


def test_dicom_radiographs_of_one_series_are_scans_of_their_own(tmp_path):
    rng = np.random.default_rng(0)
    series = generate_uid()
    for number in range(2):
        header = pydicom.Dataset()
        header.file_meta = pydicom.dataset.FileMetaDataset()
        header.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        header.file_meta.MediaStorageSOPClassUID = header.SOPClassUID = "1.2.840.10008.5.1.4.1.1.1"
        header.file_meta.MediaStorageSOPInstanceUID = header.SOPInstanceUID = generate_uid()
        header.Modality, header.PatientID, header.SeriesInstanceUID = "CR", f"P{number}", series
        header.PatientIdentityRemoved = "YES"
        header.Rows = header.Columns = 40
        header.SamplesPerPixel, header.PhotometricInterpretation = 1, "MONOCHROME2"
        header.BitsAllocated = header.BitsStored = 16
        header.HighBit, header.PixelRepresentation = 15, 0
        header.PixelData = rng.integers(0, 900, (40, 40)).astype(np.uint16).tobytes()
        header.save_as(tmp_path / f"{number}.dcm", enforce_file_format=True)
    # The second is cut off.
    (tmp_path / "1.dcm").write_bytes((tmp_path / "1.dcm").read_bytes()[:-500])
    report = check_directory(tmp_path, quiet=True)
    assert (report.counts["layout"], report.counts["scans"], report.counts["patients"]) == ("DICOM", 2, 2)
    (one,) = [one for one in report.findings if one.check == "contents"]
    assert "1.dcm is cut off" in one.text
