import re

import numpy as np
import pytest
from pydicom.uid import generate_uid

from remnant.base.errors import RemnantError
from remnant.cohort.files.volume import read_volume
from remnant.serve.client.series import read_series

TURNED = [0, 1, 0, 0, 0, -1]


def at(number, **changes):
    """A `change` for `write_dicom` that sets values of the headers from slice `number` on."""

    def change(header, n):
        if n >= number:
            for keyword, value in changes.items():
                setattr(header, keyword, value)

    return change


def shift(number, by):
    """One that moves the slices from `number` on up by `by` mm."""

    def change(header, n):
        if n >= number:
            header.ImagePositionPatient = [*header.ImagePositionPatient[:2], header.ImagePositionPatient[2] + by]

    return change


def interleaved(header, n):
    """Two slabs of which one reaches into the other."""
    x, y, z = header.ImagePositionPatient
    header.ImagePositionPatient = [x, y, z if n < 5 else z - 9]


REFUSED = {
    "orientations": (at(6, ImageOrientationPatient=TURNED), "have several orientations"),
    "missing": (lambda header, n: n != 4, "lacks 1 slice, since zqfile"),
    "in one place": (shift(5, -4.0), r"zqfile\d+\.dcm and zqfile\d+\.dcm of .* lie in one place"),
    "overlapping slabs": (interleaved, r"The slices of .* lie 1 to 4 mm apart; a volume needs one distance"),
    "frames of reference": (at(3, FrameOfReferenceUID="1.2.3"), "lie in 2 frames of reference"),
    "no frame of reference": (at(0, FrameOfReferenceUID=""), "has no FrameOfReferenceUID"),
    "patients of one series": (at(3, PatientID="ZQ2"), "are of 2 patients, though they name one series"),
    "one slice": (lambda header, n: n == 4, "holds a single slice"),
    "secondary capture": (at(0, SOPClassUID="1.2.840.10008.5.1.4.1.1.7"), "9 of 9 files are secondary captures"),
    "capture of frames": (at(8, SOPClassUID="1.2.840.10008.5.1.4.1.1.7.4"), "1 of 9 files is a secondary capture"),
    "localizer": (at(0, ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"]), "9 of 9 files are localizers"),
}


@pytest.mark.parametrize(("change", "sentence"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_volume_of_one_patient_is_refused_in_one_sentence(write_dicom, block, change, sentence):
    folder = write_dicom(block, change=change)
    with pytest.raises(RemnantError, match=sentence) as refused:
        read_series(folder)
    # Headers stay where they are.
    assert not re.search(r"Zqarlow|ZQ77310048|ZQ2|MPRAGE|1\.2\.3", str(refused.value))


def test_a_copy_of_a_file_is_no_second_slice(write_dicom, block):
    folder = write_dicom(block)
    (folder / "copy.dcm").write_bytes((folder / "zqfile003.dcm").read_bytes())
    with pytest.raises(RemnantError, match=r"holds an image twice, as copy\.dcm and zqfile003\.dcm"):
        read_series(folder)


def test_a_folder_of_two_patients_says_so(write_dicom, block):
    folder = write_dicom(block)
    write_dicom(block, folder="zq-scan/other", change=at(0, PatientID="ZQ2"))
    with pytest.raises(RemnantError, match="holds 2 series of 2 patients: that of other/"):
        read_series(folder)
    # Where there is no id, by name and birth date.
    write_dicom(block, folder="nameless", change=at(0, PatientID=""))
    write_dicom(block, folder="nameless/other", change=at(0, PatientID="", PatientName="Ottovald"))
    with pytest.raises(RemnantError, match="holds 2 series of 2 patients"):
        read_series(folder.parent / "nameless")


def test_slices_thicker_than_their_distance_are_a_volume(write_dicom, block):
    assert read_series(write_dicom(block, change=at(0, SliceThickness=8.0))).stack.shape == block.shape


def test_the_headers_lie_in_the_order_of_the_slices(write_dicom, block):
    series = read_series(write_dicom(block))
    assert [header.InstanceNumber for header in series.headers] == list(range(1, 10))
    assert np.array_equal(series.stack.voxels(), block) and not series.enhanced
    assert "PixelData" not in series.headers[0]


def test_an_enhanced_file_is_read_whatever_the_order_of_its_frames(write_dicom, as_enhanced, block):
    plain = read_volume(write_dicom(block, folder="plain"))
    series = read_series(as_enhanced(write_dicom(block)))
    assert series.enhanced and len(series.headers) == 1
    assert np.array_equal(series.stack.voxels(), plain[0]) and np.allclose(series.stack.affine, plain[1])


def test_a_series_keeps_apart_from_another_of_the_same_folder(write_dicom, block):
    folder = write_dicom(block)
    write_dicom(block[:, :, :5], folder="zq-scan/other", change=at(0, SeriesInstanceUID=generate_uid()))
    assert read_series(folder / "zqfile000.dcm").stack.shape == block.shape
