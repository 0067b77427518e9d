import nibabel as nib
import numpy as np
import pytest

from remnant.base.errors import RemnantError
from remnant.cohort.files.nifti import write_volume
from remnant.cohort.files.volume import read_volume
from remnant.cohort.layouts.read import read_cohort
from remnant.cohort.phantoms import BrainPhantoms
from remnant.cohort.phantoms.write import write_bids
from remnant.cohort.prepare.align import align
from remnant.cohort.prepare.placing import place_scan
from remnant.cohort.prepare.template import build_template
from remnant.cohort.prepare.volumes import PreparationSettings, prepare
from remnant.measure.overlap import dice

SETTINGS = PreparationSettings(spacing_mm=6.0, bias_field="none")


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    folder = tmp_path_factory.mktemp("phantoms") / "brains"
    write_bids(BrainPhantoms(patients=4, sessions=1, side=32, seed=5), folder, quiet=True)
    return read_cohort(folder)


@pytest.fixture(scope="module")
def prepared(cohort, tmp_path_factory):
    heads = prepare(cohort, SETTINGS, cache=tmp_path_factory.mktemp("cache"), quiet=True)
    template = build_template(heads, quiet=True)
    return heads, template, align(heads, template, quiet=True).images.numpy()


def test_a_scan_is_placed_as_the_cohorts_preparation_places_it(cohort, prepared):
    heads, template, aligned = prepared
    image, _ = place_scan(cohort.cases[1].image, heads.grid, SETTINGS, template.image)
    assert image.dtype == np.float32 and np.abs(image - aligned[1, 0]).max() < 1e-3
    centred, _ = place_scan(cohort.cases[1].image, heads.grid, SETTINGS)
    assert np.abs(centred - align(heads, None, quiet=True).images[1, 0].numpy()).max() < 1e-3
    assert np.abs(centred - image).max() > 0.1


@pytest.mark.parametrize("axes", ["RAS", "LPS", "SRA"])
def test_labels_come_back_to_the_files_own_voxels(cohort, prepared, tmp_path, axes):
    heads, template, _ = prepared
    case = cohort.cases[2]
    for name, source in (("scan", case.image), ("labels", case.labels)):
        turned = nib.load(source).as_reoriented(
            nib.orientations.ornt_transform(
                nib.io_orientation(nib.load(source).affine), nib.orientations.axcodes2ornt(axes)
            )
        )
        write_volume(tmp_path / f"{name}.nii.gz", np.asarray(turned.dataobj, np.float32), turned.affine)
    _, placing = place_scan(tmp_path / "scan.nii.gz", heads.grid, SETTINGS, template.image)
    scan, affine = read_volume(tmp_path / "scan.nii.gz")
    raw, _ = read_volume(tmp_path / "labels.nii.gz")
    mapping = heads.recipes[2].scheme.mapping
    truth = np.vectorize(mapping.get)(raw.astype(int)).astype(np.uint8)
    aligned = align(heads, template, quiet=True).labels[2].numpy()
    back = placing.back(aligned)
    assert back.shape == scan.shape and back.dtype == np.uint8 and np.array_equal(placing.affine, affine)
    assert np.nanmin(dice(back[None], truth[None], 4)[0]) > 0.75
    # A map turned the wrong way round, or a voxel off, would not fit as well.
    assert dice(np.roll(back, 1, 0)[None], truth[None], 4)[0].mean() < dice(back[None], truth[None], 4)[0].mean() - 0.03


def test_a_head_larger_than_the_grid(cohort, prepared):
    heads, _, _ = prepared
    with pytest.raises(RemnantError, match="further than the grid of"):
        place_scan(cohort.cases[0].image, type(heads.grid)((16, 16, 16), 6.0), SETTINGS)
