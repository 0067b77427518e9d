import numpy as np
import pydicom
import pytest

from remnant.cohort.check import check_directory
from remnant.cohort.nifti import read_volume


@pytest.fixture
def volume(draw_head):
    return np.round(10 * draw_head(1, shape=(20, 24, 16), spacing=(9.0, 8.0, 10.0)).image)


def texts(directory, severity, check="header"):
    found = check_directory(directory, quiet=True).findings
    return [one.text for one in found if one.severity == severity and one.check == check]


def test_slices_make_the_volume_in_ras(tmp_path, write_series, volume):
    write_series(tmp_path, volume)
    array, affine = read_volume(tmp_path)
    assert np.array_equal(array, volume)
    # Columns lie 1.5 mm apart, rows 2 mm, slices 3 mm; DICOM counts left and back as positive.
    assert np.allclose(affine, [[-1.5, 0, 0, 10], [0, -2, 0, -20], [0, 0, 3, 0], [0, 0, 0, 1]])


def test_a_clean_folder_has_no_error(tmp_path, write_series, volume):
    write_series(tmp_path, volume)
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
def test_what_says_who_is_an_error(tmp_path, write_series, volume, keyword, value):
    write_series(tmp_path, volume, change=lambda header: setattr(header, keyword, value))
    (text,) = texts(tmp_path, "error")
    told = {"PatientBirthDate": "dates", "StudyDate": "dates", "BurnedInAnnotation": "burnt-in"}.get(keyword, keyword)
    assert told in text and "16 of 16 files" in text
    assert value in ("YES", "NO") or value not in text


@pytest.mark.parametrize("name", ["", "Anonymous", "P001"])
def test_a_name_that_says_nothing(tmp_path, write_series, volume, name):
    write_series(tmp_path, volume, change=lambda header: setattr(header, "PatientName", name))
    assert texts(tmp_path, "error") == []


def test_private_tags_within_sequences(tmp_path, write_series, volume):
    def change(header):
        item = pydicom.Dataset()
        item.private_block(0x0011, "Maker", create=True).add_new(1, "LO", "x")
        header.RequestAttributesSequence = [item]

    write_series(tmp_path, volume, change=change)
    assert any("private tags" in text for text in texts(tmp_path, "warning"))


def test_one_volume_under_two_patients(tmp_path, write_series, volume):
    write_series(tmp_path, volume, folder="one")
    write_series(tmp_path, volume, "P002", folder="two")
    (text,) = texts(tmp_path, "error", "duplicates")
    assert "two patients" in text


def test_a_file_that_is_no_dicom(tmp_path, write_series, volume):
    write_series(tmp_path, volume)
    (tmp_path / "series/README").write_text("x")
    (tmp_path / "series/._3.dcm").write_bytes(b"\0\5\x16\7" + b"\0" * 100)
    assert not check_directory(tmp_path, quiet=True).failed
    (tmp_path / "series/empty.dcm").write_bytes(b"")
    report = check_directory(tmp_path, quiet=True)
    assert report.counts["files"] == 16
    assert [one.examples for one in report.findings if one.severity == "error"] == [("series/empty.dcm",)]
