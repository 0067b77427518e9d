"""What work costs on this machine: tried here once, before a study begins, and multiplied."""

import time
from collections.abc import Callable

import torch

from remnant.engine.cells import THREADS


def timed(work: Callable[[], object], times: int = 2) -> float:
    """Seconds that `work` takes with the threads of a cell: the least of several `times`, since the first is slow. On a CPU
    those of the processor where they are fewer than on the clock, which others who are at work on the machine stretch."""
    threads = torch.get_num_threads()
    torch.set_num_threads(THREADS)
    try:
        taken = []
        for _ in range(times):
            started, worked = time.monotonic(), time.process_time()
            work()
            if torch.cuda.is_available():
                torch.cuda.synchronize()
                taken.append(time.monotonic() - started)
            else:
                taken.append(min(time.monotonic() - started, time.process_time() - worked))
        return min(taken)
    finally:
        torch.set_num_threads(threads)
