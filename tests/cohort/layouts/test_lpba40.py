import gzip
import shutil

import nibabel as nib
import numpy as np
import pytest

from remnant.base.errors import RemnantError
from remnant.cohort.files.volume import read_header, read_volume
from remnant.cohort.layouts.lpba40 import axes_of, structures
from remnant.cohort.layouts.read import read_cohort
from remnant.cohort.prepare.head import make_head


def brain():
    """Image and labels in RAS+: each structure a small cube where it roughly lies, white matter (0) between."""
    labels = np.zeros((24, 28, 24), np.uint8)
    rows = {2: 20, 4: 12, 6: 4, 8: 10, 10: 12, 12: 14, 16: 13}  # front to back, by the tens of the value
    for value in structures():
        tens = value // 10 - (value // 10) % 2 if value < 100 else value // 10
        x = (16 if value % 2 == 0 else 4) + value % 3
        z = {4: 20, 18: 2, 16: 10}.get(tens, 14)
        if value > 180:
            x = 11
        labels[x : x + 3, rows.get(tens, 6) + value % 5, z] = value
    image = np.where(np.hypot(*(np.indices(labels.shape)[:2] - np.array([[[[12]]], [[[14]]]]))) < 11, 90, 0)
    image = image + labels
    return image.astype(np.int16), labels


def as_axes(array, axes):
    """A RAS+ array as it is stored with axes that point to `axes`."""
    to = nib.orientations.axcodes2ornt(axes)
    return nib.apply_orientation(array, nib.orientations.ornt_transform(nib.io_orientation(np.eye(4)), to))


def write_analyze(path, array, spacing=(1.0, 1.5, 1.0), gz=True):
    """A pair as distributed: four dimensions, a plain header beside gzipped voxels."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = nib.AnalyzeImage(array[..., None], None)
    image.header.set_zooms((*spacing, 1.0))
    image.to_filename(path.with_name(path.name + ".img"))
    if gz:
        plain = path.with_name(path.name + ".img")
        plain.with_name(plain.name + ".gz").write_bytes(gzip.compress(plain.read_bytes()))
        plain.unlink()


@pytest.fixture(params=["LPS", "RAS", "PIR"])
def stored(request):
    return request.param


def write_download(root, axes, people=("S01", "S02"), gz=True):
    image, labels = brain()
    for person in people:
        folder = root / "LPBA40" / "delineation_space" / person
        write_analyze(folder / f"{person}.delineation.skullstripped", as_axes(image, axes), gz=gz)
        write_analyze(folder / f"{person}.delineation.structure.label", as_axes(labels, axes), gz=gz)
    return root


@pytest.mark.parametrize("gz", [True, False])
def test_the_download_is_read(tmp_path, gz):
    cohort = read_cohort(write_download(tmp_path, "LPS", gz=gz))
    assert [case.case_id for case in cohort.cases] == ["S01:1", "S02:1"]
    assert read_header(cohort.cases[0].image).spacing == pytest.approx((1, 1.5, 1))
    assert np.array_equal(read_volume(cohort.cases[0].labels)[0], as_axes(brain()[1], "LPS"))


def test_heads_stand_upright_however_they_are_stored(tmp_path, stored):
    cohort = read_cohort(write_download(tmp_path, stored))
    assert cohort.cases[0].axes == stored
    head = make_head(cohort.cases[0], cohort.scheme("lpba3"), bias_field="none")
    image, labels = brain()
    inside = np.nonzero(image)
    box = tuple(slice(index.min(), index.max() + 1) for index in inside)
    classes = np.vectorize(cohort.scheme("lpba3").mapping.get)(labels)[box]
    assert np.array_equal(head.labels[1:-1, 1:-1, 1:-1], classes)
    # The header's voxel sizes go with their axes.
    assert head.spacing[[*map("RAS".index, as_ras(stored))]] == pytest.approx((1, 1.5, 1))


def as_ras(axes):
    return axes.translate(str.maketrans("LPI", "RAS"))


def test_fifty_six_structures_in_three_classes(tmp_path):
    table = structures()
    assert len(table) == 56
    assert table[21] == ("left_superior_frontal_gyrus", "gyri") and table[50] == ("right_precuneus", "gyri")
    assert table[92] == ("right_fusiform_gyrus", "gyri") and table[166] == ("right_hippocampus", "deep_grey")
    assert table[181] == ("cerebellum", "other_brain") and table[182] == ("brain_stem", "other_brain")
    cohort = read_cohort(write_download(tmp_path, "LPS"))
    assert {cohort.scheme("lpba3").mapping[value] for value in (0, 34, 102, 122, 161, 182)} == {0, 1, 2, 3}
    assert len(cohort.scheme("labels").classes) == 57
    with pytest.raises(RemnantError, match="which label value is which class of the scheme 'tissue5'"):
        cohort.scheme("tissue5")


def test_the_nifti_repack(tmp_path, save_volume):
    image, labels = brain()
    for person in ("S01", "S02", "S11"):
        save_volume(tmp_path / "label" / f"{person}.delineation.structure.label.nii.gz", labels, np.eye(4))
    save_volume(tmp_path / "fixed.nii.gz", image, np.eye(4))
    save_volume(tmp_path / "test" / "S02.delineation.skullstripped.nii.gz", image, np.eye(4))
    save_volume(tmp_path / "train" / "S11.delineation.skullstripped.nii.gz", image, np.eye(4))
    cohort = read_cohort(tmp_path)
    assert cohort.patients == ("S01", "S02", "S11")
    assert cohort.cases[0].image.name == "fixed.nii.gz" and cohort.cases[0].axes == "RAS"
    save_volume(tmp_path / "val" / "S11.delineation.skullstripped.nii.gz", image, np.eye(4))
    with pytest.raises(RemnantError, match=r"S11.* and .*S11.* of one person; keep one"):
        read_cohort(tmp_path)


def test_an_image_without_a_label_map(tmp_path):
    write_download(tmp_path, "LPS")
    for path in tmp_path.rglob("S02.*label*"):
        path.unlink()
    with pytest.raises(RemnantError, match=r"S02\.delineation\.skullstripped\.img\.gz has no label map; copy S02"):
        read_cohort(tmp_path)


def test_a_pair_without_its_header(tmp_path):
    cohort = read_cohort(write_download(tmp_path, "LPS"))
    cohort.cases[0].image.with_name("S01.delineation.skullstripped.hdr").unlink()
    with pytest.raises(RemnantError, match=r"S01.* has no header beside it \(S01\.delineation\.skullstripped\.hdr\)"):
        read_volume(cohort.cases[0].image)


def test_label_maps_that_do_not_show_where_the_head_is(tmp_path, save_volume):
    labels = brain()[1]
    path = save_volume(tmp_path / "a.nii", np.where(labels > 60, 0, labels), np.eye(4))
    with pytest.raises(RemnantError, match=r"Left, front and top cannot be told in .*a\.nii"):
        axes_of(path)


def test_a_value_that_lpba40_does_not_have(tmp_path, save_volume):
    image, labels = brain()
    shutil.rmtree(write_download(tmp_path, "RAS") / "LPBA40")
    labels[12, 14, 12] = 99
    save_volume(tmp_path / "S01.delineation.structure.label.nii.gz", labels, np.eye(4))
    save_volume(tmp_path / "S01.delineation.skullstripped.nii.gz", image, np.eye(4))
    cohort = read_cohort(tmp_path)
    with pytest.raises(RemnantError, match="holds the label 99, which the scheme lpba3 does not know"):
        make_head(cohort.cases[0], cohort.scheme("lpba3"), bias_field="none")
