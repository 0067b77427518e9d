"""What cells leave each other comes back as it went."""

import stat

import numpy as np
import pytest
import torch

from remnant.base.errors import RemnantError
from remnant.base.run import Run
from remnant.cohort.images import AGE, SEX, Images
from remnant.studies.lee2025.kept import (
    Attacked,
    as_bytes,
    attacked_file,
    read_attacked,
    read_groups,
    write_attacked,
    write_groups,
)


@pytest.fixture
def run(tmp_path):
    return Run.start(tmp_path / "run", "lee2025", {}, resume=False)


def test_groups_come_back(run):
    images = np.random.default_rng(0).random((3, 1, 8, 8), dtype=np.float32)
    people = {AGE: np.array([61.0, 62, np.nan]), SEX: np.array([0, 0, np.nan])}
    group = Images(torch.from_numpy(images), torch.tensor([0, 1, -1]), ("P-1", "P-1", "P-2"), people)
    none = group.take([])
    write_groups(run, "private", {"members": group, "non_members": none})
    found = read_groups(run, "private")
    assert list(found) == ["members", "non_members"]
    assert (found["members"].images.numpy() == images).all() and found["members"].patients == ("P-1", "P-1", "P-2")
    assert found["members"].labels.tolist() == [0, 1, -1]
    assert all(np.array_equal(found["members"].details[name], people[name], equal_nan=True) for name in people)
    assert found["non_members"].patients == () and len(found["non_members"]) == 0
    assert stat.S_IMODE((run.private / "groups").stat().st_mode) == 0o700


def test_what_an_attack_drew_comes_back(run):
    draw = np.random.default_rng(1)
    images = draw.random((4, 1, 8, 8), dtype=np.float32)
    similarities = {("ssim", "crop", "members"): draw.random((4, 3), dtype=np.float32)}
    attacked = Attacked(
        "cnn_overfit",
        "gmi",
        as_bytes(images),
        *draw.random((2, 4)),
        np.array([2, 0, 1, 3]),
        np.array([True, False, False, True]),
        0.5,
        1.5,
        *draw.random((2, 4)),
        similarities,
    )
    write_attacked(run, attacked)
    found = read_attacked(run, "cnn_overfit", "gmi")
    assert list(found.similarities) == list(similarities)
    assert (found.similarities["ssim", "crop", "members"] == similarities["ssim", "crop", "members"]).all()
    assert (found.excitation_cutoff, found.distance_cutoff) == (0.5, 1.5) and found.likely.dtype == bool
    assert np.abs(found.pictures.numpy() - images).max() <= 0.5 / 255 + 1e-6
    for name in ("excitation", "distance", "order", "age", "male"):
        assert (getattr(found, name) == getattr(attacked, name)).all(), name


def test_a_missing_and_a_damaged_file_have_their_sentence(run):
    with pytest.raises(RemnantError, match="is missing; start again"):
        read_attacked(run, "cnn", "prior")
    attacked_file(run, "cnn", "prior").parent.mkdir()
    attacked_file(run, "cnn", "prior").write_bytes(b"PK\x03\x04 no archive")
    with pytest.raises(RemnantError, match="is damaged"):
        read_attacked(run, "cnn", "prior")
