"""What cells leave each other comes back as it was, and a damaged file is told."""

from dataclasses import fields

import numpy as np
import pytest

from remnant.base.errors import RemnantError
from remnant.base.run import Run
from remnant.cohort.scans import Scans
from remnant.measure.overlaps import Overlap
from remnant.studies.kim2019.kept import all_kept, keep, kept, record_file
from remnant.studies.kim2019.records import STUDY, Identity, Scores, Segmented


@pytest.fixture
def run(tmp_path) -> Run:
    return Run.start(tmp_path / "run", "kim2019", {}, resume=False)


def same(left: object, right: object) -> None:
    assert type(left) is type(right)
    for field in fields(left):
        a, b = (getattr(record, field.name) for record in (left, right))
        if isinstance(a, dict):
            assert list(a) == list(b)
            for name in a:
                same(a[name], b[name])
        elif isinstance(a, np.ndarray):
            assert a.dtype == b.dtype
            np.testing.assert_array_equal(a, b)
        else:
            assert a == b


def test_records_come_back_as_they_were(run) -> None:
    rng = np.random.default_rng(0)
    scores = {
        "ms_ssim": Scores(rng.random(3), rng.random(2), 0.4, np.empty((4, 0))),
        "d_new-resnet_small-0": Scores(rng.random(3), rng.random(2), 0.0, rng.random((4, 8))),
    }
    pairs = np.array([["a", "a"], ["a", "b"], ["b", "b"]])
    record = Identity("published-1", "code", "real", 1, pairs, pairs[:2], ("c", "c", "d", "d"), scores)
    keep(run, record)
    same(kept(run, Identity, "published-1", "code", "real"), record)


def test_scans_and_conditions_come_back(run) -> None:
    scans = Scans(
        STUDY,
        np.zeros((2, 1, 4, 4, 4), np.float32),
        np.ones((2, 4, 4, 4), np.uint8),
        ("a", "b"),
        np.array([1, 1]),
        ("training", "test"),
        np.array([50.0, np.nan]),
        ("F", ""),
        ("none", "gm"),
        ("simulated", "simulated"),
        3.0,
    )
    keep(run, scans)
    same(kept(run, Scans, STUDY), scans)
    assert scans.where("test").tolist() == [1]
    assert scans.where("test", "real").tolist() == []
    overlap = Overlap(("a",), np.array([[0.9, np.nan]]), np.array([0.9]), ("none", "gm"))
    keep(run, Segmented("raw", {"clean": overlap, "noise_15": overlap}))
    same(kept(run, Segmented, "raw"), Segmented("raw", {"clean": overlap, "noise_15": overlap}))
    keep(run, Segmented("entropy-1", {"clean": overlap}))
    assert [record.variant for record in all_kept(run, Segmented)] == ["entropy-1", "raw"]


def test_a_missing_and_a_damaged_record_are_told(run) -> None:
    with pytest.raises(RemnantError, match="missing"):
        kept(run, Scans, STUDY)
    path = record_file(run, Segmented, "raw")
    path.parent.mkdir()
    path.write_bytes(b"no archive")
    with pytest.raises(RemnantError, match="damaged"):
        kept(run, Segmented, "raw")
