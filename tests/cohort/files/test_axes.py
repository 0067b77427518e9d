import nibabel as nib
import numpy as np
import pytest

from remnant.base.errors import RemnantError
from remnant.cohort.case import Case, Cohort
from remnant.cohort.files.volume import read_volume
from remnant.cohort.layouts.table import own_scheme
from remnant.cohort.prepare.head import make_head
from remnant.cohort.prepare.volumes import check_headers

SCHEME = own_scheme({10: "a", 20: "b", 30: "c"})


@pytest.fixture
def series(tmp_path, write_series, draw_head, save_volume):
    """A DICOM series and its label map on the series' own voxels."""
    head = draw_head(3, shape=(24, 28, 20), spacing=(7.0, 6.0, 8.0))
    write_series(tmp_path, np.round(head.image * 10), change=lambda header: setattr(header, "PixelSpacing", [6, 7]))
    _, affine = read_volume(tmp_path / "series")
    return tmp_path / "series", save_volume(tmp_path / "labels.nii.gz", head.labels, affine)


@pytest.mark.parametrize("axes", ["LAS", "RAS", "PSR", "SRA"])
def test_labels_of_a_series_in_another_order_of_axes(tmp_path, series, axes):
    image, labels = series
    there = nib.orientations.axcodes2ornt(axes)
    loaded = nib.load(labels)
    turned = loaded.as_reoriented(nib.orientations.ornt_transform(nib.io_orientation(loaded.affine), there))
    nib.save(turned, tmp_path / "turned.nii.gz")
    case = Case("p", "1", image, tmp_path / "turned.nii.gz")
    check_headers(Cohort("a", tmp_path, (case,)))
    plain = make_head(Case("p", "1", image, labels), SCHEME, bias_field="none")
    other = make_head(case, SCHEME, bias_field="none")
    assert np.array_equal(other.labels, plain.labels) and len(np.unique(plain.labels)) == 4


def test_labels_elsewhere_are_refused(tmp_path, series, save_volume):
    image, labels = series
    array, affine = read_volume(labels)
    affine[0, 3] += 0.5
    save_volume(labels, array.astype(np.int16), affine)
    with pytest.raises(RemnantError, match="lie differently in space"):
        check_headers(Cohort("a", tmp_path, (Case("p", "1", image, labels),)))
