"""Phantoms are people: the same from the same seed, nearest to themselves, shaped by age and sex."""

import hashlib

import numpy as np
import pytest
from scipy import ndimage

from remnant.cohort.layouts.read import read_cohort
from remnant.cohort.phantoms import STRUCTURES, BrainPhantoms, write_bids
from remnant.cohort.phantoms.labels import VALUE
from remnant.cohort.prepare.align import align
from remnant.cohort.prepare.template import build_template
from remnant.cohort.prepare.volumes import PreparationSettings, prepare

CLASSES = {
    "tissue5": {"none", "gm", "wm", "nuclei", "csf_int", "csf_ext"},
    "lpba3": {"background", "gyri", "deep_grey", "other_brain"},
}


def ml(scan, *names):
    voxel = abs(np.linalg.det(scan.affine[:3, :3])) / 1000
    return np.isin(scan.labels, [VALUE[name] for name in names]).sum() * voxel


@pytest.fixture(scope="module")
def population():
    cohort = BrainPhantoms(patients=60, side=32, seed=5)
    return [cohort.scan(patient) for patient in range(60)]


def test_same_seed_same_bytes_whatever_was_drawn_before():
    def digest(scan):
        return hashlib.sha256(scan.image.tobytes() + scan.labels.tobytes() + scan.affine.tobytes()).hexdigest()

    cohort = BrainPhantoms(patients=3, sessions=2, side=32)
    forwards = [digest(cohort.scan(patient, session)) for patient in range(3) for session in range(2)]
    backwards = [digest(cohort.scan(patient, session)) for patient in (2, 1, 0) for session in (1, 0)]
    assert forwards == backwards[::-1]
    assert len(set(forwards)) == 6
    assert digest(BrainPhantoms(patients=3, sessions=2, side=32, seed=1).scan(0)) != forwards[0]


def test_a_person_does_not_depend_on_the_cohort_around():
    small, large = BrainPhantoms(patients=2, side=32), BrainPhantoms(patients=9, sessions=3, side=32)
    np.testing.assert_array_equal(small.scan(1).image, large.scan(1).image)


def blocks(array, factor):
    side = len(array) // factor
    return array.reshape(side, factor, side, factor, side, factor).mean((1, 3, 5))


@pytest.mark.parametrize("skull", [False, True])
def test_same_person_at_any_size(skull):
    scans = {side: BrainPhantoms(patients=1, side=side, skull=skull).scan(0) for side in (32, 48, 96)}
    for side, scan in scans.items():
        assert scan.image.shape == scan.labels.shape == (side,) * 3
        assert scan.image.dtype == np.float32 and scan.labels.dtype == np.int16
    brain = [s.name for s in STRUCTURES if s.lpba3 != "background"]
    assert ml(scans[48], *brain) == pytest.approx(ml(scans[96], *brain), rel=0.03)
    assert np.corrcoef(scans[32].image.ravel(), blocks(scans[96].image, 3).ravel())[0, 1] > 0.95
    # The voxel grids cover the same cube.
    edges = [scan.affine[:3, 3] - scan.affine[0, 0] / 2 for scan in scans.values()]
    np.testing.assert_allclose(edges[0], edges[2])


def test_scan_is_ras_and_left_and_right_differ():
    scan = BrainPhantoms(patients=1, side=64).scan(0)
    assert (np.diag(scan.affine)[:3] > 0).all()
    y, z = (np.nonzero(scan.labels == VALUE["cerebellar_cortex"])[axis].mean() for axis in (1, 2))
    cortex = np.argwhere(scan.labels == VALUE["cerebral_cortex"]).mean(0)
    assert y < cortex[1] and z < cortex[2], "the cerebellum lies behind and below"
    assert 0.6 < np.corrcoef(scan.image.ravel(), scan.image[::-1].ravel())[0, 1] < 0.98


def test_other_session_is_nearer_than_any_other_patient(tmp_path):
    count = 10
    write_bids(BrainPhantoms(patients=count, sessions=2, side=32, seed=2), tmp_path / "bids", quiet=True)
    settings = PreparationSettings(spacing_mm=6.0, bias_field="none")
    heads = prepare(read_cohort(tmp_path / "bids"), settings, cache=tmp_path / "cache", quiet=True)
    scans = align(heads, build_template(heads, quiet=True), quiet=True).images.numpy().reshape(2 * count, -1)
    similarity = np.corrcoef(scans[0::2], scans[1::2])[:count, count:]
    assert (similarity.argmax(1) == np.arange(count)).all()
    own, others = np.diag(similarity), similarity[~np.eye(count, dtype=bool)]
    assert 0.9 < own.mean() < 0.999, "sessions differ"
    assert 0.5 < others.mean() < own.min(), "people are alike, not the same"


def test_age_enlarges_ventricles_and_thins_cortex(population):
    age = np.array([scan.age for scan in population])
    whole = np.array([(scan.labels > 0).sum() for scan in population])
    ventricles = np.array([ml(scan, "lateral_ventricle", "third_ventricle") for scan in population])
    cortex = np.array([ml(scan, "cerebral_cortex") for scan in population])
    assert np.corrcoef(age, np.log(ventricles / whole))[0, 1] > 0.6
    assert np.corrcoef(age, cortex / whole)[0, 1] < -0.4


def test_men_have_larger_heads(population):
    brain = [s.name for s in STRUCTURES if s.lpba3 != "background"]
    volume = {sex: [ml(scan, *brain) for scan in population if scan.sex == sex] for sex in "FM"}
    assert min(len(values) for values in volume.values()) > 15
    assert 1.05 < np.mean(volume["M"]) / np.mean(volume["F"]) < 1.3
    assert max(volume["F"]) > min(volume["M"]), "sex must not be readable without error"


def test_volumes_are_those_of_adults():
    cohort = BrainPhantoms(patients=6, side=64)
    scans = [cohort.scan(patient) for patient in range(6)]
    for names, low, high in (
        (("cerebral_cortex",), 350, 800),
        (("cerebral_white_matter",), 250, 650),
        (("lateral_ventricle",), 6, 70),
        (("cerebellar_cortex", "cerebellar_white_matter"), 80, 200),
        (("thalamus",), 8, 20),
        (("caudate",), 4, 12),
        (("putamen",), 6, 14),
        (("pallidum",), 1.5, 5),
        (("hippocampus",), 4, 14),
        (("brain_stem",), 14, 45),
    ):
        mean = np.mean([ml(scan, *names) for scan in scans])
        assert low < mean < high, (names, mean)


def test_schemes_cover_every_label():
    assert len(VALUE) == len({s.index for s in STRUCTURES}) == len(STRUCTURES)
    for scheme, classes in CLASSES.items():
        assert {getattr(structure, scheme) for structure in STRUCTURES} == classes


@pytest.mark.parametrize("skull", [False, True])
def test_every_structure_is_drawn(skull):
    outside = {s.name for s in STRUCTURES if s.index >= VALUE["skull"]}
    expected = {s.index for s in STRUCTURES if skull or s.name not in outside}
    assert set(np.unique(BrainPhantoms(patients=1, side=96, skull=skull).scan(0).labels)) == expected


def test_without_skull_there_is_nothing_around_the_brain():
    scan = BrainPhantoms(patients=1, side=64).scan(0)
    assert scan.image[scan.labels == 0].max() == 0
    head = BrainPhantoms(patients=1, side=64, skull=True).scan(0)
    assert head.image[head.labels == 0].mean() > 0, "air is noise where nothing was cut away"


def test_later_sessions_are_later_and_smaller():
    cohort = BrainPhantoms(patients=1, sessions=8, side=96)
    first, last = cohort.scan(0, 0), cohort.scan(0, 7)
    assert first.age + 3 < last.age < first.age + 11
    assert ml(last, "lateral_ventricle") > 1.05 * ml(first, "lateral_ventricle")


def test_noise_is_drawn_anew_in_each_session():
    cohort = BrainPhantoms(patients=1, sessions=2, side=32, skull=True)
    first, second = cohort.scan(0, 0), cohort.scan(0, 1)
    # Well away from the head, where an edge's soft brightness would be shared.
    air = ~ndimage.binary_dilation((first.labels > 0) | (second.labels > 0), iterations=3)
    assert abs(np.corrcoef(first.image[air], second.image[air])[0, 1]) < 0.1


@pytest.mark.parametrize("skull", [False, True])
def test_the_table_names_what_is_drawn_and_nothing_else(skull):
    cohort = BrainPhantoms(patients=1, side=96, skull=skull)
    assert {row[0] for row in cohort.structures} == set(np.unique(cohort.scan(0).labels).tolist())
