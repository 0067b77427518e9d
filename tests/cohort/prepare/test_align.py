import numpy as np
import pytest
import torch
from scipy import ndimage
from scipy.spatial.transform import Rotation

from remnant.cohort.layouts.read import read_cohort
from remnant.cohort.prepare.align import align
from remnant.cohort.prepare.grid import Grid
from remnant.cohort.prepare.rigid import as_transform, register
from remnant.cohort.prepare.template import build_template
from remnant.cohort.prepare.volumes import PreparationSettings, prepare

SETTINGS = PreparationSettings(spacing_mm=4.0, bias_field="none")


def ncc(a, b):
    return np.corrcoef(a.ravel(), b.ravel())[0, 1]


def rank_one(first, second):
    """How often the nearest of `second` (n, features) to a row of `first` has the same index."""
    scale = np.concatenate([first, second]).std(axis=0)
    distance = np.linalg.norm((first[:, None] - second[None]) / scale, axis=-1)
    return int((distance.argmin(axis=1) == np.arange(len(first))).sum())


def residual(pose_found, pose_drawn):
    """Where a head drawn at `pose_drawn` lies after alignment: three rotations, three translations."""
    matrix = np.array(as_transform(pose_found).GetMatrix()).reshape(3, 3)
    drawn = Rotation.from_euler("xyz", pose_drawn[:3]).as_matrix()
    rotation = drawn.T @ matrix
    return np.concatenate(
        [Rotation.from_matrix(rotation).as_rotvec(), drawn.T @ (np.array(pose_found[3:]) - pose_drawn[3:])]
    )


def test_poses_that_tell_patients_apart_before_registration_fall_to_chance_after_it(draw_head):
    # One anatomy for all, so that nothing but the pose can identify; every patient has a pose of habit.
    rng = np.random.default_rng(1)
    patients, shape = 12, (40, 48, 40)
    grid = Grid(shape, 5.0)
    template = np.mean([draw_head(seed, shape=shape, spacing=(5.0,) * 3).image / 300 for seed in range(6)], axis=0)
    habits = np.concatenate([rng.uniform(-0.25, 0.25, (patients, 3)), rng.uniform(-8, 8, (patients, 3))], axis=1)
    found, left = np.zeros((2, patients, 6)), np.zeros((2, patients, 6))
    for session in range(2):
        for patient in range(patients):
            pose = habits[patient] + rng.normal(0, 1, 6) * [0.02, 0.02, 0.02, 1, 1, 1]
            image = draw_head(50 + session, pose, shape, (5.0,) * 3, noise=6.0).image / 300
            found[session, patient] = register(template, image, grid)
            left[session, patient] = residual(found[session, patient], pose)
    assert rank_one(found[0], found[1]) >= 10  # The control: the applied pose would identify.
    left -= left.mean(axis=1, keepdims=True)
    # Chance is 1 of 12; 5 or more have a probability of 0.002.
    assert rank_one(left[0], left[1]) <= 4
    assert np.abs(left[..., :3]).max() < 0.01
    assert np.abs(left[..., 3:]).max() < 0.25


@pytest.fixture(scope="module")
def cohort(tmp_path_factory, draw_head, write_manifest):
    """Patients a and b twice each, in other poses, crops and scales the second time, and four attackers."""
    scans = {(name, "s1"): draw_head(seed) for seed, name in enumerate("abcdef")}
    for seed, name in enumerate("ab"):
        pose = (0.2, -0.15, 0.25, 6.0, -8.0, 5.0)
        moved = draw_head(seed, pose, shape=(50, 54, 52), offset=(4.0, 2.0, -6.0))
        scans[name, "s2"] = type(moved)(3 * moved.image, moved.labels, moved.affine)
    return read_cohort(write_manifest(tmp_path_factory.mktemp("data"), scans))


@pytest.fixture(scope="module")
def heads(tmp_path_factory, cohort):
    return prepare(cohort, SETTINGS, cache=tmp_path_factory.mktemp("cache"), quiet=True)


def test_two_sessions_in_different_poses_come_out_nearly_equal(heads):
    template = build_template(heads.select(["c", "d", "e", "f"]), quiet=True)
    prepared = align(heads, template, quiet=True)
    a, b = prepared.of(["a"]), prepared.of(["b"])
    for patient in (a, b):
        assert ncc(*patient.images.numpy()) > 0.98
        assert (patient.labels[0] == patient.labels[1]).float().mean() > 0.97
    assert ncc(a.images[0].numpy(), b.images[0].numpy()) < 0.97


def test_without_alignment_heads_are_centred_only(heads):
    prepared = align(heads, None, quiet=True)
    assert ncc(*prepared.of(["a"]).images.numpy()) < 0.97
    for image in prepared.images[:, 0].numpy():
        middle = np.array(np.nonzero(image > 0.02)).mean(axis=1)
        assert np.allclose(middle, (np.array(image.shape) - 1) / 2, atol=0.6)


def test_prepared_is_on_one_grid_in_range_and_typed(heads):
    prepared = align(heads, None, quiet=True)
    assert prepared.images.dtype == torch.float32 and prepared.labels.dtype == torch.uint8
    assert prepared.images.shape == (8, 1, *heads.grid.shape)
    assert prepared.labels.shape == (8, *heads.grid.shape)
    assert prepared.images.min() == 0 and 0.9 < prepared.images.max() <= 1
    assert set(np.unique(prepared.labels)) == {0, 1, 2, 3}
    assert prepared.classes == ("background", "gyri", "deep_grey", "other_brain")
    assert Grid.of(prepared) == heads.grid
    assert prepared.patients == tuple("abcdefab") and prepared.visits == (1, 1, 1, 1, 1, 1, 2, 2)


def test_a_patient_is_aligned_alike_whoever_else_is_there(heads):
    template = build_template(heads.select(["c", "d"]), quiet=True)
    made = []
    alone = align(heads.select(["a"]), template, quiet=True, announce=made.extend)
    for file in made:
        file.unlink()
    together = align(heads, template, quiet=True)
    assert np.array_equal(alone.images, together.of(["a"]).images)


def test_the_template_is_symmetric_and_centred(heads):
    image = build_template(heads.select(["c", "d", "e", "f"]), quiet=True).image
    assert ncc(image, image[::-1]) > 0.999
    assert np.allclose(ndimage.center_of_mass(image), (np.array(image.shape) - 1) / 2, atol=0.2)


def test_a_second_run_reads_the_cache_and_works_nothing(heads, monkeypatch):
    template = build_template(heads.select(["c", "d"]), quiet=True)
    first = align(heads, template, quiet=True)
    monkeypatch.setattr("remnant.cohort.prepare.cache.run_jobs", pytest.fail)
    monkeypatch.setattr("remnant.cohort.prepare.template.run_jobs", pytest.fail)
    again = build_template(heads.select(["c", "d"]), quiet=True)
    second = align(heads, again, quiet=True)
    assert np.array_equal(first.images, second.images) and np.array_equal(first.labels, second.labels)


def test_damaged_cache_files_are_made_again(heads):
    made = list(heads.cache_files)
    template = build_template(heads.select(["c", "d"]), quiet=True, announce=made.extend)
    first = align(heads, template, quiet=True, announce=made.extend)
    for file in made:
        data = bytearray(file.read_bytes())
        data[len(data) // 3] ^= 0xFF
        file.write_bytes(data if file.name.startswith("aligned") else data[: len(data) // 2])
    second = align(heads, build_template(heads.select(["c", "d"]), quiet=True), quiet=True)
    assert np.array_equal(first.images, second.images) and np.array_equal(first.labels, second.labels)


def test_every_file_in_a_private_cache_is_announced(cohort, tmp_path):
    told = []
    heads = prepare(cohort.of(["c", "d"]), SETTINGS, cache=tmp_path / "cache", quiet=True, announce=told.extend)
    align(heads, build_template(heads, quiet=True, announce=told.extend), quiet=True, announce=told.extend)
    assert sorted(told) == sorted(heads.cache.glob("*.npz"))
    assert heads.cache.stat().st_mode & 0o777 == 0o700
