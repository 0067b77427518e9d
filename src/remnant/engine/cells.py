"""Cells: the independent pieces of a study, each written when finished, so that a killed run loses at most one."""

import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from remnant.base.files import read_json, write_json
from remnant.base.processes import worker_pool
from remnant.base.progress import Task
from remnant.base.run import Run


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


def run_cells(run: Run, cells: Sequence[Cell], *, workers: int, quiet: bool) -> dict[str, dict[str, Any]]:
    """Do what is not done yet, `workers` at a time, and return every cell's result by name.

    A result holds `seconds` beside what the cell returned. The numbers do not depend on `workers`: a cell has its own
    process and threads, and draws only on its own branch of the seeds. The first cell that fails ends the others.
    """
    waiting = [cell for cell in cells if not _file(run, cell.name).exists()]
    if waiting:
        with Task("cells", len(cells), quiet=quiet) as progress:
            for _ in range(len(cells) - len(waiting)):
                progress.advance()
            _work_off(run, waiting, workers, progress)
    return {cell.name: read_json(_file(run, cell.name)) for cell in cells}


def _work_off(run: Run, waiting: list[Cell], workers: int, progress: Task) -> None:
    threads = max(1, (os.cpu_count() or 1) // workers)
    if workers == 1:
        torch.set_num_threads(threads)
        for cell in waiting:
            _do(run.path, cell)
            progress.advance(cell.name)
        return
    pool = worker_pool(workers, torch.set_num_threads, threads)
    running: dict[Future[None], Cell] = {}
    try:
        while waiting or running:
            for cell in [c for c in waiting if all(_file(run, need).exists() for need in c.needs)]:
                if len(running) < workers:
                    running[pool.submit(_do, run.path, cell)] = cell
                    waiting.remove(cell)
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                cell = running.pop(future)
                future.result()
                progress.advance(cell.name)
    except BaseException:
        for process in list((pool._processes or {}).values()):
            process.terminate()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _do(path: Path, cell: Cell) -> None:
    run, started = Run(path), time.monotonic()
    run.log(cell.name, "start")
    result = cell.work(run, **cell.arguments)
    seconds = round(time.monotonic() - started, 2)
    write_json(_file(run, cell.name), {**result, "seconds": seconds})
    run.log(cell.name, "end", seconds=seconds)


def _file(run: Run, name: str) -> Path:
    return run.path / "cells" / f"{name}.json"
