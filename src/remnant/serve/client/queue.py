"""What a client that watches an archive knows of each series, in SQLite, so that a kill at any moment loses and doubles none.

A series is `arriving` until its number of instances has settled; `made` when its result lies on the disk, `stored` when the
archive has that, and `unfit` where it is no scan that can be segmented, which `why` says.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from remnant.base.errors import RemnantError

ARRIVING, MADE, STORED, UNFIT = "arriving", "made", "stored", "unfit"
TABLE = """CREATE TABLE IF NOT EXISTS series (
    id INTEGER PRIMARY KEY, study TEXT NOT NULL, series TEXT NOT NULL, instances INTEGER NOT NULL, changed REAL NOT NULL,
    state TEXT NOT NULL, why TEXT NOT NULL, UNIQUE (study, series))"""
COLUMNS = "id, study, series, instances, changed, state, why"


@dataclass(frozen=True)
class Row:
    """A series; `changed`: when its number of `instances` was last seen to change, in seconds as `time.time` has them."""

    id: int
    study: str
    series: str
    instances: int
    changed: float
    state: str
    why: str

    def settled(self, now: float, settle: float) -> bool:
        return self.state == ARRIVING and now - self.changed >= settle


class Queue:
    """The queue in the file `path`, for one process at a time. Use as a context manager.

    Methods raise `RemnantError` where the disk is full, and for a file that is no queue.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with self._told():
            self._base = sqlite3.connect(path, timeout=0, isolation_level=None)
            # A second process would send what this one sends; the lock goes with the process.
            for line in ("locking_mode=EXCLUSIVE", "journal_mode=WAL", "synchronous=FULL"):
                self._base.execute(f"PRAGMA {line}")
            self._base.execute("BEGIN EXCLUSIVE")
            self._base.execute(TABLE)
            self._base.execute("COMMIT")
        path.chmod(0o600)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._base.close()

    def saw(self, study: str, series: str, instances: int, now: float) -> Row:
        """The row of a series that has so many instances now; new, if there was none."""
        with self._told():
            self._base.execute(
                "INSERT INTO series (study, series, instances, changed, state, why) VALUES (?, ?, ?, ?, ?, '') "
                "ON CONFLICT (study, series) DO UPDATE SET instances = excluded.instances, changed = excluded.changed "
                # A clock that was set back would keep it waiting.
                "WHERE instances != excluded.instances OR changed > excluded.changed",
                (study, series, instances, now, ARRIVING),
            )
            found = self._base.execute(
                f"SELECT {COLUMNS} FROM series WHERE study = ? AND series = ?", (study, series)
            ).fetchone()
        return Row(*found)

    def of(self, state: str) -> list[Row]:
        """The rows in a state, the oldest first."""
        with self._told():
            found = self._base.execute(f"SELECT {COLUMNS} FROM series WHERE state = ? ORDER BY id", (state,)).fetchall()
        return [Row(*row) for row in found]

    def becomes(self, row: Row, state: str, why: str = "") -> None:
        """Durable when it returns."""
        with self._told():
            self._base.execute("UPDATE series SET state = ?, why = ? WHERE id = ?", (state, why, row.id))

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError as error:
            code = getattr(error, "sqlite_errorcode", None)
            if code == sqlite3.SQLITE_BUSY:
                said = "is in use by another client; stop that one, or give another --queue"
            elif code == sqlite3.SQLITE_FULL:
                said = "cannot be written, for the disk is full; make room and start the client again, which goes on"
            else:
                said = "cannot be read or written; check the path and your rights to it"
            raise RemnantError(f"{self.path} {said}.") from None
        except sqlite3.DatabaseError:
            raise RemnantError(f"{self.path} is no queue of a client; give another --queue.") from None
