"""How a command ends that is told to by a signal: as by an error, so that what it had begun is cleared away."""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

# Of the system's defaults: what is ignored, as under nohup, stays so.
ENDING = {
    signal.SIGINT: signal.default_int_handler,
    signal.SIGTERM: signal.SIG_DFL,
    signal.SIGHUP: signal.SIG_DFL,
}
LATER_S = 0.05


class Stopped(SystemExit):
    """The signal `number` came."""

    def __init__(self, number: int) -> None:
        super().__init__(128 + number)
        self.number = number


@contextmanager
def stoppable() -> Iterator[None]:
    """SIGTERM and SIGHUP raise `Stopped` in the main thread, as Ctrl-C raises `KeyboardInterrupt`; at the end the process dies of
    the signal, as whoever sent it expects.

    While a module is imported they wait: an error that comes up out of PyTorch's import ends the process by SIGABRT.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    waiting: set[int] = set()

    def again(number: int) -> None:
        waiting.discard(number)
        os.kill(os.getpid(), number)

    def stop(number: int, frame: FrameType | None) -> None:
        if not _imports(frame):
            raise KeyboardInterrupt if number == signal.SIGINT else Stopped(number)
        if number not in waiting:
            waiting.add(number)
            later = threading.Timer(LATER_S, again, (number,))
            later.daemon = True
            later.start()

    ours = [number for number, default in ENDING.items() if signal.getsignal(number) == default]
    for number in ours:
        signal.signal(number, stop)
    try:
        yield
    except Stopped as stopped:
        with suppress(OSError):
            sys.stdout.flush()
        signal.signal(stopped.number, signal.SIG_DFL)
        signal.raise_signal(stopped.number)
    finally:
        for number in ours:
            signal.signal(number, ENDING[number])


def _imports(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False
