"""A file of SQLite for its owner alone, of which nothing is left where it cannot be made."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Literal

from remnant.base.errors import RemnantError, foreign

Kind = Literal["busy", "full", "other"]
# A full disk may also come as a failed write.
KINDS: dict[int, Kind] = {
    sqlite3.SQLITE_BUSY: "busy",
    sqlite3.SQLITE_LOCKED: "busy",
    sqlite3.SQLITE_FULL: "full",
    sqlite3.SQLITE_IOERR: "full",
}


def kind_of(error: sqlite3.Error) -> Kind:
    """Whether another has the file, the disk is full, or something else is the matter."""
    # The lowest byte, without what SQLite adds to tell cases of one error apart.
    return KINDS.get(getattr(error, "sqlite_errorcode", 0) & 0xFF, "other")


@contextmanager
def connected(path: Path, wait_s: float, *, threads: bool = False) -> Iterator[sqlite3.Connection]:
    """A connection to the file `path`, made if missing, that begins no transactions by itself and waits `wait_s` for others.

    `threads`: several may use it. Make the tables in the context: where that fails the connection is closed, and a new file that
    is still empty is gone. Raises `RemnantError` where the file cannot be made or written.
    """
    # SQLite would make it for all to read, and whoever opens it before it is changed reads it ever after.
    with foreign(path, "cannot be made", "make room, or check the path and your rights to it"):
        new = _made(path)
        if not new and path.stat().st_mode & 0o077:
            path.chmod(0o600)
    # SQLite would open it for reading alone, and fail later by words that do not say so.
    if not (os.access(path, os.R_OK | os.W_OK) and os.access(path.parent, os.W_OK | os.X_OK)):
        raise RemnantError(f"{path} or its folder cannot be written; check the path and your rights to it.")
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


class OtherFileError(sqlite3.DatabaseError):
    """A file of SQLite that is not ours, or of another version."""


def require_ours(base: sqlite3.Connection, tables: str) -> None:
    """Raise `OtherFileError` for a file that has other tables than the SQL `tables` makes; one that has none is new.

    Nothing is written into it: our tables in the file of another program would be a change to that.
    """
    with closing(sqlite3.Connection(":memory:")) as wanted:
        wanted.executescript(tables)
        ours = _columns(base).items() <= _columns(wanted).items()
    # What we made says 0; a version that means something else by the same tables will say so.
    ((version,),) = base.execute("PRAGMA user_version").fetchall()
    if not ours or version:
        raise OtherFileError


def _columns(base: sqlite3.Connection) -> dict[str, tuple[str, ...]]:
    """The columns of each table."""
    names = base.execute("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite!_%' ESCAPE '!'")
    columns = "SELECT name FROM pragma_table_info(?) ORDER BY cid"
    return {name: tuple(column for (column,) in base.execute(columns, (name,))) for (name,) in names.fetchall()}


def identity(path: Path) -> tuple[int, int] | None:
    """Which file lies at `path`; None where there is none. What is written into one that was moved or removed is lost."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
