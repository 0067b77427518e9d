import torch

from remnant.engine import cost
from remnant.engine.cells import THREADS


def test_the_least_of_several_times_counts(monkeypatch):
    clock = iter([0.0, 9.0, 10.0, 13.0, 20.0, 24.0])
    monkeypatch.setattr(cost.time, "monotonic", lambda: next(clock))
    assert cost.timed(lambda: None, times=3) == 3.0


def test_work_is_timed_with_the_threads_of_a_cell(monkeypatch):
    used, before = [], torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        cost.timed(lambda: used.append(torch.get_num_threads()), times=1)
        assert used == [THREADS] and torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
