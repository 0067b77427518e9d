"""Worker processes that leave Ctrl-C to their parent and die with it."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing.connection import wait
from typing import Any


def worker_pool(workers: int, set_up: Callable[..., None], *arguments: Any) -> ProcessPoolExecutor:
    """An executor of `workers` spawned processes, each of which begins with `set_up(*arguments)`.

    Spawned, since a fork would inherit the locks of threads: `set_up` and all work must be functions of a module.
    """
    return ProcessPoolExecutor(
        workers, multiprocessing.get_context("spawn"), initializer=_begin, initargs=(set_up, arguments)
    )


def _begin(set_up: Callable[..., None], arguments: tuple[Any, ...]) -> None:
    # Ctrl-C goes to every process of the terminal; the parent alone decides.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    assert parent is not None

    def follow() -> None:
        # A worker that outlived a killed parent would wait for ever, or write into a run that somebody resumes.
        wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()
    set_up(*arguments)
