from functools import partial

import torch

from remnant.engine import cost
from remnant.engine.cells import THREADS


def clocked(monkeypatch, wall, processor, gpu=False):
    for name, times in (("monotonic", wall), ("process_time", processor)):
        monkeypatch.setattr(cost.time, name, partial(next, iter(times)))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpu)
    monkeypatch.setattr(torch.cuda, "synchronize", lambda: None)


def test_the_least_of_several_times_counts(monkeypatch):
    clocked(monkeypatch, [0.0, 9.0, 10.0, 13.0, 20.0, 24.0], [0.0, 9.0, 10.0, 13.0, 20.0, 24.0])
    assert cost.timed(lambda: None, times=3) == 3.0


def test_a_machine_that_others_use_stretches_nothing(monkeypatch):
    clocked(monkeypatch, [0.0, 9.0], [5.0, 7.0])
    assert cost.timed(lambda: None, times=1) == 2.0


def test_who_waits_for_a_gpu_is_timed_by_the_clock(monkeypatch):
    clocked(monkeypatch, [0.0, 9.0], [5.0, 7.0], gpu=True)
    assert cost.timed(lambda: None, times=1) == 9.0


def test_work_is_timed_with_the_threads_of_a_cell(monkeypatch):
    used, before = [], torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        cost.timed(lambda: used.append(torch.get_num_threads()), times=1)
        assert used == [THREADS] and torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
