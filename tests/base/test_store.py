"""Records come back as they went, whatever is in them; what cannot be read is told."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Literal

import numpy as np
import pytest
import torch
from torch import Tensor

from remnant.base.errors import RemnantError
from remnant.base.store import keep, kept, opened, private_folder


@dataclass(frozen=True)
class Part:
    scores: np.ndarray
    threshold: float


@dataclass(frozen=True)
class Whole:
    name: str
    kind: Literal["a", "b"]
    images: Tensor
    patients: tuple[str, ...]
    visits: tuple[int, ...]
    few: int
    sure: bool
    parts: dict[str, Part]
    by_words: Mapping[tuple[str, str], np.ndarray]
    rows: Sequence[Part]
    losses: np.ndarray | None = None


@pytest.fixture
def path(tmp_path):
    return tmp_path / "private" / "records" / "one.npz"


def part(seed):
    return Part(np.random.default_rng(seed).random((2, seed)), 0.5)


def whole(**changes):
    values = {
        "name": "Müller/1",
        "kind": "b",
        "images": torch.arange(6).reshape(2, 3).half(),
        "patients": ("p-1", "p-2"),
        "visits": (2, 1),
        "few": 3,
        "sure": True,
        "parts": {"x y": part(1), "z": part(0)},
        "by_words": {("a", "b-c"): np.ones(2, np.float32)},
        "rows": (part(3), part(4)),
    }
    return Whole(**values | changes)


def same(left, right):
    assert type(left) is type(right), (left, right)
    if is_dataclass(left):
        for field in fields(left):
            same(getattr(left, field.name), getattr(right, field.name))
    elif isinstance(left, dict):
        assert list(left) == list(right)
        for key in left:
            same(left[key], right[key])
    elif isinstance(left, np.ndarray | Tensor):
        assert left.dtype == right.dtype and left.shape == right.shape
        np.testing.assert_array_equal(left, right)
    elif isinstance(left, tuple) and left and is_dataclass(left[0]):
        assert len(left) == len(right)
        for pair in zip(left, right, strict=True):
            same(*pair)
    else:
        assert left == right


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"losses": np.array([np.nan, 1])},
        {"patients": (), "visits": (), "parts": {}, "by_words": {}},
        {"rows": tuple(map(part, range(1, 13)))},
        {"name": "", "few": 0, "sure": False},
    ],
    ids=["whole", "what may be missing", "empty", "many in order", "nothing"],
)
def test_a_record_comes_back_as_it_went(path, changes):
    keep(path, whole(**changes))
    same(kept(path, Whole), whole(**changes))


def test_mappings_and_sequences_of_records_come_back(path):
    keep(path, {"members": part(1), "others": part(2)})
    same(kept(path, dict[str, Part]), {"members": part(1), "others": part(2)})
    keep(path, [part(2), part(1)])
    (first, second) = kept(path, list[Part])
    same(first, part(2))
    same(second, part(1))


def test_one_array_is_read_without_the_others(path):
    keep(path, whole())
    with opened(path) as arrays:
        assert arrays["parts/x y/threshold"] == 0.5 and arrays["by_words/a,b-c"].dtype == np.float32


def test_only_the_owner_may_look(path):
    keep(path, part(1))
    assert [oct(folder.stat().st_mode & 0o777) for folder in (path.parent, path.parents[1])] == ["0o700"] * 2
    assert private_folder(path.parents[2], "records") == path.parent


def test_a_record_of_a_part_of_a_run_lies_in_the_part_alone(tmp_path):
    one = tmp_path / "private" / "subjects" / "unet" / "claims" / "one.npz"
    keep(one, part(1))
    assert list((tmp_path / "private").rglob("*.npz")) == [one] and len(list(tmp_path.rglob("*"))) == 5
    assert all(folder.stat().st_mode & 0o077 == 0 for folder in one.parents[:4])


@pytest.mark.parametrize("damage", ["missing", "no zip", "cut off", "lacks an array", "pickled", "of another kind"])
def test_what_cannot_be_read_is_told(path, damage):
    keep(path, whole())
    if damage == "missing":
        path.unlink()
    elif damage == "no zip":
        path.write_bytes(b"no archive")
    elif damage == "cut off":
        path.write_bytes(path.read_bytes()[:-200])
    elif damage == "pickled":
        np.savez(path, name=np.array([print], dtype=object), allow_pickle=True)
    else:
        np.savez(path, name=np.array("x") if damage == "lacks an array" else np.zeros((2, 3)))
    with pytest.raises(RemnantError, match=r"one\.npz is (missing|damaged).*; start again with another --out"):
        kept(path, Whole)


def test_a_record_that_is_not_whole_never_stands_under_its_name(path):
    class Unwritable:
        def __array__(self, *_, **__):
            raise OSError("no room")

    keep(path, part(1))
    with pytest.raises(OSError, match="no room"):
        keep(path, {"a": part(2), "b": Unwritable()})
    same(kept(path, Part), part(1))


def test_what_an_earlier_version_did_not_know_is_as_by_default(path):
    @dataclass(frozen=True)
    class Once:
        scores: np.ndarray

    @dataclass(frozen=True)
    class Later:
        scores: np.ndarray
        visits: tuple[int, ...] = ()
        details: Mapping[str, np.ndarray] = field(default_factory=dict)

    keep(path, Once(np.arange(3)))
    found = kept(path, Later)
    assert found.scores.tolist() == [0, 1, 2] and found.visits == () and found.details == {}
    with pytest.raises(RemnantError, match="is damaged"):
        kept(path, Part)
