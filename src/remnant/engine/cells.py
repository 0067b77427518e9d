"""Cells: the independent pieces of a study, each written when finished, so that a killed run loses at most one."""

import contextlib
import math
import pickle
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from remnant.base.errors import RemnantError
from remnant.base.files import read_json, write_json
from remnant.base.processes import worker_pool
from remnant.base.progress import Task
from remnant.base.run import Run
from remnant.engine.cluster import RayPool

# More threads sum in another order, and with another order ranks change: a number would depend on the machine's load.
THREADS = 1
HEARD_EVERY_S = 5.0
Workers = (
    int | str
)  # processes of this machine, or the address of a Ray cluster, for which engine.cluster has the forms


@dataclass(frozen=True)
class Cell:
    """One piece of work: `work(run, **arguments)` returns what `cells/<name>.json` will hold.

    `work` is a function of a module and `arguments` can be pickled; it may leave files in the run before it returns,
    atomically, and is started only when the cells in `needs` are finished.
    """

    name: str
    work: Callable[..., dict[str, Any]]
    arguments: dict[str, Any]
    needs: tuple[str, ...] = ()


def run_cells(run: Run, cells: Sequence[Cell], *, workers: Workers, quiet: bool) -> dict[str, dict[str, Any]]:
    """Do what is not done yet, `workers` at a time or on the cluster of this address, and return every cell's result by name.

    A result holds `seconds` on the clock and `cpu_seconds` of the processor, which other work on the machine does not stretch,
    beside what the cell returned. The numbers do not depend on `workers`: a cell has one
    thread and draws only on its own branch of the seeds. The first cell that fails ends the others. Raises
    `RemnantError` when a worker dies, as for want of memory.
    """
    waiting = unfinished(run, cells)
    if waiting:
        task = Task("parts of the work", len(cells), done=len(cells) - len(waiting), quiet=quiet)
        with task as progress, _heard(run, progress):
            _work_off(run, waiting, workers, progress)
    return {cell.name: read_json(_file(run, cell.name)) for cell in cells}


def unfinished(run: Run, cells: Sequence[Cell]) -> list[Cell]:
    """Those of the cells that a run has still to do, in their order."""
    return [cell for cell in cells if not _file(run, cell.name).exists()]


@contextlib.contextmanager
def _heard(run: Run, progress: Task) -> Iterator[None]:
    """Tell meanwhile what the cells log: one may take minutes before it is done."""
    over = threading.Event()

    def listen() -> None:
        known = len(run.events())
        while not over.wait(HEARD_EVERY_S):
            events = run.events()
            if len(events) > known:
                known = len(events)
                progress.tell(_in_words(events[-1]))

    listener = threading.Thread(target=listen, daemon=True)
    listener.start()
    try:
        yield
    finally:
        over.set()
        listener.join()


def _in_words(event: dict[str, Any]) -> str:
    """What a cell logged, as `attack-cnn: method joint, step 401, loss 0.53`, or `planted: step 330 of 400, loss 0.2`."""
    event = dict(event)
    if "of" in event:
        event["step"] = f"{event['step']} of {event.pop('of')}"
    told = [
        f"{key} {value:.3g}" if isinstance(value, float) else f"{key} {value}"
        for key, value in event.items()
        if key not in ("time", "cell", "event") and isinstance(value, str | int | float)
    ]
    return f"{event['cell']}: {', '.join(told) or event['event']}"


def _work_off(run: Run, waiting: list[Cell], workers: Workers, progress: Task) -> None:
    if workers == 1:
        threads = torch.get_num_threads()
        torch.set_num_threads(THREADS)
        try:
            while waiting:
                cell = _next(run, waiting)
                waiting.remove(cell)
                _do(run.path, cell)
                progress.advance(cell.name)
        finally:
            torch.set_num_threads(threads)
        return
    pool, most = _pool(workers)
    # Whole, since a node of a cluster works in a folder of its own.
    path = run.path.resolve()
    running: dict[Future[None], Cell] = {}
    try:
        while waiting or running:
            for cell in _ready(run, waiting):
                if len(running) < most:
                    running[pool.submit(_do_sent, path, pickle.dumps(cell))] = cell
                    waiting.remove(cell)
            if not running:
                _next(run, waiting)
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                cell = running.pop(future)
                future.result()
                progress.advance(cell.name)
    except BrokenProcessPool:
        raise RemnantError(
            "A worker process was ended from outside, most often for want of memory; give fewer --workers and add "
            "--resume to go on."
        ) from None
    except BaseException:
        for process in list((getattr(pool, "_processes", None) or {}).values()):
            process.terminate()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _pool(workers: Workers) -> tuple[Executor, float]:
    """What does cells, and how many it is given at a time: a cluster deals them out itself."""
    if isinstance(workers, str):
        return RayPool(workers, torch.set_num_threads, THREADS), math.inf
    return worker_pool(workers, torch.set_num_threads, THREADS), workers


def _ready(run: Run, waiting: list[Cell]) -> list[Cell]:
    """The cells that wait for no other."""
    return [cell for cell in waiting if all(_file(run, need).exists() for need in cell.needs)]


def _next(run: Run, waiting: list[Cell]) -> Cell:
    """The first cell that waits for no other; raise `RemnantError` when each of them waits."""
    ready = _ready(run, waiting)
    if not ready:
        raise RemnantError(f"The cell '{waiting[0].name}' needs {', '.join(waiting[0].needs)}, which no cell gives.")
    return ready[0]


def _do(path: Path, cell: Cell) -> None:
    run, started, worked = Run(path), time.monotonic(), time.process_time()
    run.log(cell.name, "start")
    result = cell.work(run, **cell.arguments)
    seconds = round(time.monotonic() - started, 2)
    cpu_seconds = round(time.process_time() - worked, 2)
    write_json(_file(run, cell.name), {**result, "seconds": seconds, "cpu_seconds": cpu_seconds})
    run.log(cell.name, "end", seconds=seconds, cpu_seconds=cpu_seconds)


def _do_sent(path: Path, cell: bytes) -> None:
    # Read here and not by the pool, which would take an argument that cannot be read for a worker that died.
    _do(path, pickle.loads(cell))


def _file(run: Run, name: str) -> Path:
    return run.path / "cells" / f"{name}.json"
