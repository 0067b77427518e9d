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


def test_a_directory_of_nothing(tmp_path):
    with pytest.raises(RemnantError, match=r"layout of .* is not known"):
        check_directory(tmp_path, quiet=True)
