"""Independent jobs over a few single-threaded processes, with the same results for any number of them."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import as_completed
from typing import TypeVar

import SimpleITK as sitk

from remnant.base.processes import worker_pool
from remnant.base.progress import Task

Job = TypeVar("Job")
Result = TypeVar("Result")


def run_jobs(
    function: Callable[[Job], Result], jobs: Sequence[Job], *, workers: int, label: str, quiet: bool = False
) -> list[Result]:
    """`[function(job) for job in jobs]` over at most `workers` processes; a job's error is raised.

    `function` must be a module's, since processes are spawned: a fork would inherit threads' locks.
    """
    workers = min(workers, len(jobs))
    with Task(label, len(jobs), quiet=quiet) as task:
        if workers <= 1:
            results = []
            with _single_threaded():
                for job in jobs:
                    results.append(function(job))
                    task.advance()
            return results
        pool = worker_pool(workers, start_worker)
        try:
            futures = [pool.submit(function, job) for job in jobs]
            for future in as_completed(futures):
                future.result()
                task.advance()
            return [future.result() for future in futures]
        finally:
            # On an error or Ctrl-C waiting jobs are dropped and those running end: nothing is half-written.
            pool.shutdown(cancel_futures=True)


@contextlib.contextmanager
def _single_threaded() -> Iterator[None]:
    """SimpleITK sums in the order its threads finish: only one thread gives the same bits each time."""
    before = sitk.ProcessObject.GetGlobalDefaultNumberOfThreads()
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    try:
        yield
    finally:
        sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(before)


def start_worker() -> None:
    """Set up a worker: one thread."""
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
