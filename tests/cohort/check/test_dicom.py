import numpy as np
import pydicom
import pytest
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

from remnant.cohort.check import check_directory
from remnant.cohort.check.dicom import read_slices, stack


def write(directory, volume, patient="P001", change=None, folder="series"):
    """A volume (x, y, z) as DICOM slices, in an order that is not that of their names, without a word of a person."""
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


@pytest.fixture
def volume(draw_head):
    return np.round(10 * draw_head(1, shape=(20, 24, 16), spacing=(9.0, 8.0, 10.0)).image)


def texts(directory, severity, check="header"):
    found = check_directory(directory, quiet=True).findings
    return [one.text for one in found if one.severity == severity and one.check == check]


def test_slices_make_the_volume_in_ras(tmp_path, volume):
    write(tmp_path, volume)
    array, affine = stack(read_slices(tmp_path))
    assert np.array_equal(array, volume)
    # Columns lie 1.5 mm apart, rows 2 mm, slices 3 mm; DICOM counts left and back as positive.
    assert np.allclose(affine, [[-1.5, 0, 0, 10], [0, -2, 0, -20], [0, 0, 3, 0], [0, 0, 0, 1]])


def test_a_clean_folder_has_no_error(tmp_path, volume):
    write(tmp_path, volume)
    report = check_directory(tmp_path, quiet=True)
    assert report.counts == {"layout": "DICOM", "patients": 1, "sessions": 1, "scans": 1, "files": 16}
    assert not report.failed
    # A pseudonym and new UIDs look as real ones do.
    assert sorted(text.split()[5] for text in texts(tmp_path, "warning")) == ["UIDs,", "a"]


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("PatientName", "Prentice^Ada"),
        ("ReferringPhysicianName", "Lindqvist^Bo"),
        ("InstitutionName", "St. Mary"),
        ("AccessionNumber", "0048213377"),
        ("PatientBirthDate", "19610321"),
        ("StudyDate", "20190321"),
        ("BurnedInAnnotation", "YES"),
        ("PatientIdentityRemoved", "NO"),
    ],
)
def test_what_says_who_is_an_error(tmp_path, volume, keyword, value):
    write(tmp_path, volume, change=lambda header: setattr(header, keyword, value))
    (text,) = texts(tmp_path, "error")
    told = {"PatientBirthDate": "dates", "StudyDate": "dates", "BurnedInAnnotation": "burnt-in"}.get(keyword, keyword)
    assert told in text and "16 of 16 files" in text
    assert value in ("YES", "NO") or value not in text


@pytest.mark.parametrize("name", ["", "Anonymous", "P001"])
def test_a_name_that_says_nothing(tmp_path, volume, name):
    write(tmp_path, volume, change=lambda header: setattr(header, "PatientName", name))
    assert texts(tmp_path, "error") == []


def test_private_tags_within_sequences(tmp_path, volume):
    def change(header):
        item = pydicom.Dataset()
        item.private_block(0x0011, "Maker", create=True).add_new(1, "LO", "x")
        header.RequestAttributesSequence = [item]

    write(tmp_path, volume, change=change)
    assert any("private tags" in text for text in texts(tmp_path, "warning"))


def test_one_volume_under_two_patients(tmp_path, volume):
    write(tmp_path, volume, folder="one")
    write(tmp_path, volume, "P002", folder="two")
    (text,) = texts(tmp_path, "error", "duplicates")
    assert "two patients" in text


def test_a_file_that_is_no_dicom_is_passed_over(tmp_path, volume):
    write(tmp_path, volume)
    (tmp_path / "series/README").write_text("x")
    (tmp_path / "series/empty.dcm").write_bytes(b"")
    assert check_directory(tmp_path, quiet=True).counts["files"] == 16
