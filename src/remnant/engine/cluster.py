"""Cells on a Ray cluster, whose nodes share the run's directory."""

import logging
import os
import socket
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any

from remnant.base.errors import RemnantError

TRIES = 4  # of a cell whose node dies
KNOCK_S = 5.0


class RayPool(Executor):
    """Calls functions on the nodes of the Ray cluster at `address`, `HOST:PORT` or `auto`, one a core of theirs.

    A call whose node dies is made again on another. `set_up(*arguments)` comes before each. Raises `RemnantError` where Ray is
    not installed, and where no cluster of the same versions answers.
    """

    def __init__(self, address: str, set_up: Callable[..., None], *arguments: Any) -> None:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        try:
            import ray
        except ImportError:
            raise RemnantError(
                "--cluster needs Ray, which is not installed; run `pip install 'remnant[cluster]'` here and on the nodes."
            ) from None
        try:
            _knock(address)
            ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR, configure_logging=False)
        except (OSError, RuntimeError, ValueError) as error:
            raise RemnantError(
                f"No Ray cluster answers at {address} ({str(error).splitlines()[0]}); begin one with `ray start --head`, with "
                "the same versions of Python and Ray as here."
            ) from None
        self._ray = ray
        self._do = ray.remote(num_cpus=1, max_retries=TRIES - 1)(_called)
        self._begin = (set_up, arguments)

    def submit(self, work: Callable[..., Any], /, *arguments: Any, **named: Any) -> Future[Any]:
        """What `work` returns or raises, once a node has done it."""
        answer, found = self._do.remote(self._begin, work, arguments, named).future(), Future()

        def pass_on(done: Future[Any]) -> None:
            # Of what a call raised Ray's own error holds the traceback in its message. Without a cause it is of Ray itself.
            if error := done.exception():
                found.set_exception(getattr(error, "cause", None) or _lost(error))
            else:
                found.set_result(done.result())

        answer.add_done_callback(pass_on)
        return found

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Leave the cluster, which ends what this process asked of it."""
        self._ray.shutdown()


def _lost(error: BaseException) -> RemnantError:
    return RemnantError(
        f"The Ray cluster lost a piece of the work {TRIES} times, as where memory runs out on each node "
        f"({type(error).__name__}); mend that, and add --resume to go on."
    )


def _knock(address: str) -> None:
    """Raise `OSError` where nothing listens: Ray would ask for a minute."""
    host, _, port = address.rpartition(":")
    if host and port.isdigit():
        socket.create_connection((host, int(port)), timeout=KNOCK_S).close()


def _called(
    begin: tuple[Callable[..., None], tuple[Any, ...]], work: Callable[..., Any], given: Any, named: Any
) -> Any:
    set_up, arguments = begin
    set_up(*arguments)
    return work(*given, **named)
