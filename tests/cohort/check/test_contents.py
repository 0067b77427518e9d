import nibabel as nib
import numpy as np
import pytest

from remnant.base.errors import RemnantError
from remnant.cohort.check import check_directory


def test_counts_and_no_finding(tmp_path, clean, write_manifest):
    report = check_directory(write_manifest(tmp_path / "data", clean(3, 2)), quiet=True)
    assert report.counts == {"layout": "manifest.csv", "patients": 3, "sessions": 6, "scans": 6, "files": 12}
    assert report.findings == () and not report.failed


def test_an_image_that_cannot_be_read_is_an_error_and_the_others_are_checked(clean, found):
    (one,) = found(clean(), "contents", lambda data: (data / "images/p1s0.nii.gz").write_bytes(b"no image"))
    assert one.severity == "error" and one.examples == ("images/p1s0.nii.gz",) and "cannot be read" in one.text


def test_nan_around_the_head_is_said(clean, found):
    def spoil(data):
        path = data / "images/p1s0.nii.gz"
        image = nib.load(path)
        array = image.get_fdata(dtype=np.float32)
        array[0] = np.nan
        nib.save(nib.Nifti1Image(array, image.affine), path)

    (one,) = found(clean(), "contents", spoil)
    assert one.severity == "warning" and one.examples == ("images/p1s0.nii.gz",) and "NaN around the head" in one.text


def test_many_unreadable_images_are_told_once(clean, found):
    def spoil(data):
        for path in (data / "images").iterdir():
            path.write_bytes(b"no image")

    (one,) = found(clean(5), "contents", spoil)
    assert one.files == 5 and len(one.examples) == 3


def test_slices_of_a_series_are_one_scan_and_images_of_a_session_one_session(tmp_path, write_series):
    volume = np.random.default_rng(0).integers(0, 900, (12, 10, 8))
    for patient in ("P1", "P2"):
        write_series(tmp_path, volume + int(patient[1]), patient, folder=patient)
    write_series(tmp_path, volume, "P2", folder="again")
    rows = [f"{who}/{k}.dcm,,{who},s1,," for who in ("P1", "P2") for k in range(8)] + ["again/3.dcm,,P2,s1,,"]
    (tmp_path / "manifest.csv").write_text("\n".join(["image,label,subject_id,session_id,age,sex", *rows]) + "\n")
    report = check_directory(tmp_path, quiet=True)
    assert report.counts == {"layout": "manifest.csv", "patients": 2, "sessions": 2, "scans": 3, "files": 24}
    said = [one.text for one in report.findings if one.check == "reading"]
    assert said == ["16 rows of manifest.csv name slices of 2 DICOM series; a series counts as one scan."]


def test_a_directory_of_nothing(tmp_path):
    with pytest.raises(RemnantError, match=r"layout of .* is not known"):
        check_directory(tmp_path, quiet=True)
