"""A file of SQLite for its owner alone, of which nothing is left where it cannot be made."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from remnant.base.errors import foreign
from remnant.serve.sqlite_errors import kind_of


@contextmanager
def connected(path: Path, wait_s: float, *, threads: bool = False) -> Iterator[sqlite3.Connection]:
    """A connection to the file `path`, made if missing, that begins no transactions by itself and waits `wait_s` for others.

    `threads`: several may use it. Make the tables in the context: where that fails the connection is closed, and a new file that
    is still empty is gone. Raises `RemnantError` where the file cannot be made.
    """
    # SQLite would make it for all to read, and whoever opens it before it is changed reads it ever after.
    with foreign(path, "cannot be made", "make room, or check the path and your rights to it"):
        new = _made(path)
        if not new and path.stat().st_mode & 0o077:
            path.chmod(0o600)
    base = sqlite3.connect(path, timeout=wait_s, isolation_level=None, check_same_thread=not threads)
    try:
        yield base
    except BaseException as error:
        base.close()
        # One that is busy is another's by now.
        busy = isinstance(error, sqlite3.Error) and kind_of(error) == "busy"
        if new and not busy and not path.stat().st_size:
            for end in ("", "-journal", "-wal", "-shm"):
                path.with_name(f"{path.name}{end}").unlink(missing_ok=True)
        raise


def _made(path: Path) -> bool:
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError:
        return False
    return True
