"""A file of SQLite at the client, for one process at a time, in which what is committed outlives a kill and a loss of power."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar, Self

from remnant.base.errors import RemnantError
from remnant.serve.sqlite_files import connected, identity, kind_of, require_ours


class Kept:
    """The file `path`, with the tables that `TABLE` makes. Use as a context manager.

    Methods raise `RemnantError` where the disk is full, where another process has it, and for a file that is no queue.
    """

    TABLE: ClassVar[str]

    def __init__(self, path: Path) -> None:
        self.path = path
        with self._told(), connected(path, 0) as self._base:
            # A second process would send what this one sends; the lock goes with the process.
            for line in ("locking_mode=EXCLUSIVE", "synchronous=FULL"):
                self._base.execute(f"PRAGMA {line}")
            # Before the log is written ahead, so that a full disk leaves the file empty or whole.
            self._base.execute("BEGIN EXCLUSIVE")
            require_ours(self._base, self.TABLE)
            for line in (self.TABLE, "COMMIT", "PRAGMA journal_mode=WAL"):
                self._base.execute(line)
        self._file_is = identity(path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._base.close()

    @contextmanager
    def _asked(self) -> Iterator[None]:
        """As `_told`, of the file that was opened: in one that was moved or removed nothing would be found again."""
        if identity(self.path) != self._file_is:
            raise RemnantError(
                f"{self.path} was moved or removed while it was in use; start the client again with --queue where it is now."
            )
        with self._told():
            yield

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError as error:
            kind = kind_of(error)
            if kind == "busy":
                said = "is in use by another client; stop that one, or give another --queue"
            elif kind == "full":
                said = "cannot be written, for the disk is full; make room and start the client again, which goes on"
            else:
                said = "cannot be read or written; check the path and your rights to it"
            raise RemnantError(f"{self.path} {said}.") from None
        except sqlite3.DatabaseError:
            raise RemnantError(
                f"{self.path} is no queue of a client, or of another version of it; give another --queue."
            ) from None
