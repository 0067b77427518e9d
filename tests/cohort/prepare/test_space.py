"""What a header says of space, kept for another file and held against others."""

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk

from remnant.base.errors import RemnantError
from remnant.cohort.case import Case
from remnant.cohort.files.nifti import write_volume
from remnant.cohort.files.volume import read_header
from remnant.cohort.prepare.space import check_sides, geometry_of, sides_of

AFFINE = np.array([[-1.5, 0, 0, 10], [0, 0, 2, -20], [0, 1, 0, 30], [0, 0, 0, 1.0]])
MIRRORED = np.diag([-1, 1, 1, 1]) @ AFFINE
TURNED = (
    np.array([[np.cos(0.3), -np.sin(0.3), 0, 0], [np.sin(0.3), np.cos(0.3), 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]) @ AFFINE
)
SHEARED = np.array([[1, 0.2, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]]) @ AFFINE
# qform and its code, sform and its code.
HEADERS = {
    "both": (AFFINE, 1, AFFINE, 1),
    "scanner and template": (AFFINE, 1, TURNED, 4),
    "qform alone": (TURNED, 1, AFFINE, 0),
    "sform alone": (AFFINE, 0, TURNED, 2),
    "mirrored": (AFFINE, 1, MIRRORED, 1),
    "neither": (AFFINE, 0, AFFINE, 0),
    "sheared": (AFFINE, 0, SHEARED, 1),
}
SIDES = {"mirrored": "contradicting", "neither": "assumed"}


@pytest.fixture
def scan(tmp_path):
    """`scan(name, kind)`: a volume (4, 5, 6) whose header says its place as `HEADERS` has it."""

    def write(name, kind=nib.Nifti1Image, path=None):
        image = kind(np.arange(120, dtype=np.int16).reshape(4, 5, 6), AFFINE)
        qform, qcode, sform, scode = HEADERS[name]
        image.set_qform(qform, qcode)
        image.set_sform(sform, scode)
        image.header.set_xyzt_units("mm", "sec")
        path = tmp_path / (path or "scan.nii.gz")
        nib.save(image, path)
        return path

    return write


@pytest.mark.parametrize("kind", [nib.Nifti1Image, nib.Nifti2Image])
@pytest.mark.parametrize("name", HEADERS)
def test_a_file_written_with_a_geometry_lies_on_its_source_for_every_reader(scan, tmp_path, name, kind):
    source, copy = scan(name, kind), tmp_path / "labels.nii.gz"
    write_volume(copy, np.ones((4, 5, 6), np.uint8), read_header(source).affine, geometry=geometry_of(source))
    ours, theirs = (nib.load(path) for path in (copy, source))
    assert np.allclose(ours.affine, theirs.affine, atol=1e-5) and ours.get_data_dtype() == np.uint8
    for field in ("qform_code", "sform_code"):
        assert int(ours.header[field]) == int(theirs.header[field])
    assert ours.header.get_xyzt_units() == ("mm", "unknown")
    for form in ("get_qform", "get_sform"):
        assert np.allclose(getattr(ours.header, form)(), getattr(theirs.header, form)(), atol=1e-5)
    if name == "sheared" or kind is nib.Nifti2Image:
        return  # ITK refuses the one and does not know the other
    # ITK's reader decides by the codes which transform it believes.
    ours, theirs = (sitk.ReadImage(str(path)) for path in (copy, source))
    assert np.allclose(ours.GetDirection(), theirs.GetDirection(), atol=1e-5)
    assert np.allclose(ours.GetOrigin(), theirs.GetOrigin(), atol=1e-4)
    assert np.allclose(ours.GetSpacing(), theirs.GetSpacing(), atol=1e-5)


def test_other_formats_have_no_geometry(tmp_path):
    nib.save(nib.MGHImage(np.ones((4, 5, 6), np.float32), AFFINE), tmp_path / "a.mgz")
    assert geometry_of(tmp_path / "a.mgz") is None


@pytest.mark.parametrize("name", HEADERS)
def test_who_says_where_left_is(scan, name):
    assert sides_of(Case("p", "1", scan(name))) == SIDES.get(name, "said")


def test_analyze_does_not_say_and_a_layout_may_know(tmp_path):
    nib.AnalyzeImage(np.arange(120, dtype=np.int16).reshape(4, 5, 6), None).to_filename(tmp_path / "a.img")
    assert sides_of(Case("p", "1", tmp_path / "a.img")) == "assumed"
    assert sides_of(Case("p", "1", tmp_path / "a.img", axes="LAS")) == "said"


@pytest.mark.parametrize("odd", ["mirrored", "neither"])
def test_a_mix_is_refused_and_one_convention_is_not(scan, odd):
    sound, other = (Case(name, "1", scan(name, path=f"{name}.nii")) for name in ("both", odd))
    check_sides([sound, sound])
    check_sides([other, other])
    with pytest.raises(RemnantError, match=r"Left and right may be mirrored in a part of the cohort: .*both.nii says"):
        check_sides([sound, other])
