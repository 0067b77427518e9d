import re
from dataclasses import replace

import numpy as np
import pydantic
import pytest

from remnant.base.errors import RemnantError
from remnant.cohort.layouts.read import read_cohort
from remnant.cohort.prepare.cache import default_cache
from remnant.cohort.prepare.intensity import DITHER
from remnant.cohort.prepare.volumes import PreparationSettings, prepare

SMALL = {"shape": (24, 28, 24), "spacing": (8.0, 8.0, 8.0)}
SETTINGS = PreparationSettings(spacing_mm=8.0, bias_field="none")


@pytest.fixture
def prepare_scans(tmp_path, write_manifest):
    """`prepare_scans({(patient, session): Drawing}, settings, workers)`."""

    def run(scans, settings=SETTINGS, workers=1):
        cohort = read_cohort(write_manifest(tmp_path / "data", scans))
        return prepare(cohort, settings, cache=tmp_path / "cache", workers=workers, quiet=True)

    return run


@pytest.fixture
def head(draw_head):
    return draw_head(3, **SMALL)


def test_nothing_of_the_file_survives_but_the_head(draw_head, prepare_scans):
    one = draw_head(3, **SMALL)
    # The same head in another crop, another place of the scanner, other axes and another scale of intensity.
    cropped = replace(one, image=one.image[2:, 1:-2, :-1], labels=one.labels[2:, 1:-2, :-1])
    place = one.affine.copy()
    place[:3, 3] += (40.0, -30.0, 12.0)
    flip = np.eye(4)
    flip[0, 0], flip[0, 3] = -1, cropped.image.shape[0] - 1
    swap = np.eye(4)[[0, 2, 1, 3]]
    other = replace(
        cropped,
        image=5 * cropped.image[::-1].transpose(0, 2, 1),
        labels=cropped.labels[::-1].transpose(0, 2, 1),
        affine=place @ flip @ swap,
    )
    heads = prepare_scans({("a", "s1"): one, ("b", "s1"): other})
    assert np.allclose(heads.coarse[0], heads.coarse[1], atol=1e-4)
    first, second = (recipe.head() for recipe in heads.recipes)
    # The noise that hides the files' steps of intensity is each file's own: two draws of it stay below this.
    noise = 8 * DITHER / np.ptp(one.image) * 65535
    for name, most in (("image", noise), ("labels", 0), ("spacing", 1e-6), ("origin", 1e-6)):
        ours, theirs = (getattr(head, name).astype(float) for head in (first, second))
        assert np.abs(ours - theirs).max() <= most, name


def test_the_common_grid_holds_every_head_and_is_a_multiple_of_16(draw_head, prepare_scans):
    heads = prepare_scans({("a", "s1"): draw_head(1, **SMALL), ("b", "s1"): draw_head(2, **SMALL)})
    assert all(side % 16 == 0 for side in heads.grid.shape)
    border = np.ones(heads.grid.shape, bool)
    border[1:-1, 1:-1, 1:-1] = False
    assert heads.coarse[:, border].max() == 0


def test_a_shape_too_small_names_the_scan(prepare_scans, head):
    with pytest.raises(RemnantError, match=r"shape \(16, 16, 16\) at 8 mm does not hold the head in .*as1.nii.gz"):
        prepare_scans({("a", "s1"): head}, SETTINGS.model_copy(update={"shape": (16, 16, 16)}))


def test_what_reaches_beyond_the_shape_is_cut_where_asked(prepare_scans, head):
    whole = prepare_scans({("a", "s1"): head})
    cut = prepare_scans({("a", "s1"): head}, SETTINGS.changed(shape=(16, 16, 16), cut=True))
    assert cut.grid.shape == (16, 16, 16)
    middle = tuple(slice(side // 2 - 8, side // 2 + 8) for side in whole.grid.shape)
    np.testing.assert_allclose(cut.coarse, whole.coarse[:, *middle], atol=1e-5)


def test_a_shape_that_cannot_be_halved_four_times_is_refused():
    with pytest.raises(pydantic.ValidationError, match="multiple of 16"):
        PreparationSettings(shape=(64, 70, 64))
    assert PreparationSettings(shape=(64, 72, 68), multiple_of=4).shape == (64, 72, 68)


def test_a_grid_is_as_small_as_its_multiples_allow(prepare_scans, head):
    wide, tight = (prepare_scans({("a", "s1"): head}, SETTINGS.changed(multiple_of=multiple)) for multiple in (16, 2))
    assert all(side % 16 == 0 for side in wide.grid.shape) and all(side % 2 == 0 for side in tight.grid.shape)
    assert np.prod(tight.grid.shape) < np.prod(wide.grid.shape)
    assert tight.coarse.sum() == wide.coarse.sum()


def test_anisotropic_scans_come_out_on_the_same_grid(draw_head, prepare_scans):
    fine = draw_head(3, shape=(48, 56, 48), spacing=(4.0, 4.0, 4.0))
    slices = draw_head(3, shape=(48, 56, 32), spacing=(4.0, 4.0, 6.0))
    heads = prepare_scans({("a", "s1"): fine, ("b", "s1"): slices})
    assert np.corrcoef(heads.coarse[0].ravel(), heads.coarse[1].ravel())[0, 1] > 0.98


def test_mixed_spacing_names_the_two_files(draw_head, prepare_scans, head):
    fine = draw_head(3, shape=(48, 56, 48), spacing=(3.5, 3.5, 3.5))
    with pytest.raises(RemnantError, match=r"as1.nii.gz has voxels of 3.5 x 3.5 x 3.5 mm, .*bs1.nii.gz of 8 x 8 x 8"):
        prepare_scans({("a", "s1"): fine, ("b", "s1"): head})


def test_any_number_of_workers_gives_the_same(draw_head, tmp_path, write_manifest):
    scans = {(name, "s1"): draw_head(seed, **SMALL) for seed, name in enumerate("abc")}
    cohort = read_cohort(write_manifest(tmp_path / "data", scans))
    settings = PreparationSettings(spacing_mm=8.0)
    one, two = (
        prepare(cohort, settings, cache=tmp_path / str(workers), workers=workers, quiet=True) for workers in (1, 2)
    )
    assert np.array_equal(one.coarse, two.coarse)
    assert [recipe.case for recipe in two.recipes] == list(cohort.cases)


def test_a_second_call_and_other_cohorts_reuse_what_did_not_change(draw_head, prepare_scans, monkeypatch):
    scans = {(name, "s1"): draw_head(seed, **SMALL) for seed, name in enumerate("abc")}
    prepare_scans(scans)
    made = []
    monkeypatch.setattr(
        "remnant.cohort.prepare.volumes.make_head",
        lambda case, scheme, **options: made.append(case.case_id) or pytest.fail("made again"),
    )
    prepare_scans(scans)
    assert made == []
    scans["b", "s1"] = draw_head(9, **SMALL)
    with pytest.raises(pytest.fail.Exception):
        prepare_scans(scans)
    assert made == ["b:s1"]


def test_other_settings_are_not_served_from_the_cache(prepare_scans, head):
    first = prepare_scans({("a", "s1"): head})
    for change in ({"spacing_mm": 7.0}, {"bias_field": "n4"}, {"scheme": "tissue5"}):
        other = prepare_scans({("a", "s1"): head}, SETTINGS.model_copy(update=change))
        assert other.cache_files != first.cache_files


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda d: replace(d, labels=np.where(d.labels == 20, 21, d.labels).astype(np.int16)),
            "holds the label 21",
        ),
        (lambda d: replace(d, labels=d.labels / np.float32(4)), r"holds the label 2\.5"),
        (lambda d: replace(d, labels=d.labels * 0), "labels/as1.nii.gz holds 0 in every voxel"),
        (lambda d: replace(d, image=d.image * np.nan), "images/as1.nii.gz holds .* NaN"),
        (
            lambda d: replace(d, image=np.stack([d.image] * 2, -1)),
            "images/as1.nii.gz must hold one 3D volume",
        ),
        (lambda d: replace(d, image=np.where(d.image > 0, 1, 0).astype(np.float32)), "hardly any contrast"),
    ],
)
def test_unfit_scans(prepare_scans, head, change, message):
    with pytest.raises(RemnantError, match=message):
        prepare_scans({("a", "s1"): change(head)})


def test_labels_of_another_shape_place_or_spacing(tmp_path, save_volume, write_manifest, head):
    cohort = read_cohort(write_manifest(tmp_path / "data", {("a", "s1"): head}))
    labels = cohort.cases[0].labels
    save_volume(labels, head.labels[1:], head.affine)
    with pytest.raises(RemnantError, match=rf"{re.escape(str(labels))} has the shape \(23, 28, 24\), its image"):
        prepare(cohort, SETTINGS, cache=tmp_path / "cache", quiet=True)
    for elsewhere in (head.affine + np.diag([0, 0, 0.5, 0]), np.diag([-1, 1, 1, 1]) @ head.affine):
        save_volume(labels, head.labels, elsewhere)
        with pytest.raises(RemnantError, match="lie differently in space"):
            prepare(cohort, SETTINGS, cache=tmp_path / "cache", quiet=True)


def test_a_scan_without_labels(tmp_path, write_manifest, head):
    cohort = read_cohort(write_manifest(tmp_path / "data", {("a", "s1"): head}))
    bare = replace(cohort, cases=(replace(cohort.cases[0], labels=None),))
    with pytest.raises(RemnantError, match=r"as1.nii.gz has no label map"):
        prepare(bare, SETTINGS, cache=tmp_path / "cache", quiet=True)


@pytest.mark.slow
def test_an_error_in_a_worker_process_reaches_the_user(prepare_scans, head):
    bad = replace(head, image=head.image * np.nan)
    with pytest.raises(RemnantError, match=r"bs1\.nii\.gz holds"):
        prepare_scans({("a", "s1"): head, ("b", "s1"): bad}, workers=2)


def test_the_default_cache_follows_the_user_s_settings(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_cache() == tmp_path / "remnant"


def test_a_class_that_no_label_map_has_is_refused(prepare_scans, head):
    bare = replace(head, labels=np.where(head.labels == 20, 10, head.labels))
    with pytest.raises(
        RemnantError, match=r"No label map of .* holds deep_grey of the scheme lpba3; give the label maps"
    ):
        prepare_scans({("a", "s1"): bare, ("b", "s1"): bare})
    # One patient may lack it, also when all come from the cache.
    for _ in range(2):
        assert len(prepare_scans({("a", "s1"): bare, ("b", "s1"): head}).cases) == 2


def test_labels_that_fit_better_turned_are_told(draw_head, tmp_path, write_manifest, capsys):
    scans = {(f"p{i}", "s"): draw_head(i, shape=(48, 48, 48)) for i in range(2)}
    turned = replace(scans["p1", "s"], labels=np.ascontiguousarray(scans["p1", "s"].labels.transpose(2, 1, 0)))
    for told, those in ((False, scans), (True, scans | {("p1", "s"): turned})):
        cohort = read_cohort(write_manifest(tmp_path / str(told), those))
        # The second time from the cache.
        for _ in range(2):
            prepare(cohort, SETTINGS, cache=tmp_path / "cache")
            said = capsys.readouterr().err
            assert ("1 label map fits better, such as" in said and "p1s.nii.gz, with axes" in said) == told
