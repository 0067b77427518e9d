"""Progress of long work: a bar with the time left on a terminal, plain lines elsewhere, nothing where quiet was asked for."""

import contextlib
import sys
import time
from types import TracebackType
from typing import Self

from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Column

from remnant.base.texts import printable

PLAIN_LINE_EVERY_S = 15.0


class Task:
    """Progress of one piece of work of `total` steps, of which `done` were found done.

    Use as a context manager and call `advance`.
    """

    def __init__(self, label: str, total: int, *, done: int = 0, quiet: bool = False) -> None:
        self.label, self.total, self.done = label, total, done
        self._found, self._quiet = done, quiet
        self._bar: Progress | None = None
        if not quiet and sys.stderr.isatty():
            # Where a terminal is narrow the note is cut, not the count or the time left.
            self._bar = Progress(
                TextColumn("{task.description}", table_column=Column(ratio=1, no_wrap=True, overflow="ellipsis")),
                BarColumn(bar_width=12),
                MofNCompleteColumn(),
                TimeRemainingColumn(),
                expand=True,
            )
        self._started = self._last_line = time.monotonic()

    def __enter__(self) -> Self:
        if self._bar:
            self._bar.start()
            self._id = self._bar.add_task(escape(self.label), total=self.total, completed=self.done)
        return self

    def advance(self, note: str = "", steps: int = 1) -> None:
        """`steps` more are done; `note` (a loss, a name) is shown beside the label."""
        self.done += steps
        if self._bar:
            self._bar.update(self._id, advance=steps, description=escape(f"{self.label} {note}".rstrip()))
            return
        if self._quiet:
            return
        now = time.monotonic()
        if now - self._last_line >= PLAIN_LINE_EVERY_S or self.done == self.total:
            self._last_line = now
            left = (now - self._started) / (self.done - self._found) * (self.total - self.done)
            say(f"{self.label} {self.done}/{self.total}, {left:.0f} s left {note}".rstrip())

    def tell(self, note: str) -> None:
        """What the work is at, `note`, while no step is done."""
        if self._bar:
            self._bar.update(self._id, description=escape(f"{self.label} {note}"))
        elif not self._quiet and time.monotonic() - self._last_line >= PLAIN_LINE_EVERY_S:
            self._last_line = time.monotonic()
            say(f"{self.label} {self.done}/{self.total}, at {note}")

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar:
            self._bar.stop()


def say(line: str) -> None:
    """One plain line for a person, on standard error: standard output is for results.

    Where it cannot be written, as on a full disk, the work goes on without.
    """
    with contextlib.suppress(OSError):
        print(printable(line), file=sys.stderr, flush=True)
