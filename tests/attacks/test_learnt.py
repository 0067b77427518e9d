import pytest
import torch

from remnant.attacks.learnt import Learnt

CODES = torch.arange(6.0)


def made(learnt, calls, given):
    def make():
        calls.append(given)
        return {"trunk.weight": torch.full((2, 3), float(len(calls))), "count": torch.tensor(len(calls))}

    return learnt.once("network", given, make)


def test_what_was_learnt_of_the_same_is_not_learnt_again(tmp_path):
    calls, learnt = [], Learnt(tmp_path / "learnt")
    first = made(learnt, calls, (CODES, "a"))
    again = made(Learnt(tmp_path / "learnt"), calls, (CODES.clone(), "a"))
    assert len(calls) == 1 and {*again} == {"trunk.weight", "count"}
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert (tmp_path / "learnt").stat().st_mode & 0o77 == 0


@pytest.mark.parametrize("other", [(CODES + 1, "a"), (CODES, "b"), (CODES,)])
def test_of_anything_else_it_is(tmp_path, other):
    calls, learnt = [], Learnt(tmp_path)
    made(learnt, calls, (CODES, "a"))
    assert made(learnt, calls, other)["count"] == 2


def test_without_a_folder_nothing_is_kept():
    calls = []
    for _ in range(2):
        made(Learnt(), calls, (CODES, "a"))
    assert len(calls) == 2
