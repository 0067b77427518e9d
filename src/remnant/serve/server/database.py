"""The store's tables in SQLite: what is committed outlives a kill and a loss of power."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from remnant.base.errors import RemnantError
from remnant.serve.sqlite_files import connected, identity, kind_of, require_ours

TABLES = """
CREATE TABLE IF NOT EXISTS contributions (
    tenant TEXT NOT NULL, model TEXT NOT NULL, id TEXT NOT NULL, digest TEXT NOT NULL, file TEXT UNIQUE, bytes INTEGER NOT NULL,
    created TEXT NOT NULL, deleted TEXT, PRIMARY KEY (tenant, model, id)) STRICT;
CREATE TABLE IF NOT EXISTS versions (
    model TEXT NOT NULL, number INTEGER NOT NULL, created TEXT NOT NULL, sha256 TEXT NOT NULL, record TEXT NOT NULL,
    PRIMARY KEY (model, number)) STRICT;
CREATE TABLE IF NOT EXISTS parts (
    model TEXT NOT NULL, number INTEGER NOT NULL, tenant TEXT NOT NULL, id TEXT NOT NULL,
    PRIMARY KEY (model, number, tenant, id)) STRICT;
CREATE TABLE IF NOT EXISTS promotions (
    step INTEGER PRIMARY KEY, model TEXT NOT NULL, number INTEGER NOT NULL, created TEXT NOT NULL, undone TEXT) STRICT;
"""
WAIT_S = 30.0  # for another process that writes: it writes rows alone, never while it computes


class StoreError(RemnantError):
    """The store itself fails, whatever was asked of it."""


class NoRoomError(StoreError):
    """The disk is full."""


class Database:
    """The file `path`, made if missing, for all threads of a process; other processes may have it open, too."""

    def __init__(self, path: Path) -> None:
        """Raises `RemnantError` for a file that is something else, and where it cannot be made or written."""
        self._path, self._turn = path, threading.RLock()
        with self._told(), connected(path, WAIT_S, threads=True) as self._base:
            # With WAL alone a loss of power may take the last commits.
            self._base.execute("PRAGMA synchronous=FULL")
            require_ours(self._base, TABLES)
            # Before the log is written ahead, so that a full disk leaves the file empty or whole.
            self._base.executescript(f"BEGIN IMMEDIATE; {TABLES} COMMIT; PRAGMA journal_mode=WAL;")
        self._file_is = identity(path)

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction, alone among threads and processes: committed on success, undone on any error."""
        with self._turn, self._told():
            self.require_there()
            self._base.execute("BEGIN IMMEDIATE")
            try:
                yield self._base
                self._base.execute("COMMIT")
            except BaseException:
                if self._base.in_transaction:
                    self._base.execute("ROLLBACK")
                raise

    def rows(self, query: str, *values: object) -> list[tuple]:
        """What a query finds now, whichever process wrote it."""
        with self._turn, self._told():
            self.require_there()
            return self._base.execute(query, values).fetchall()

    def require_there(self) -> None:
        """Raise `StoreError` where the file was moved or removed since it was opened: nothing that came would be found again."""
        if identity(self._path) != self._file_is:
            raise StoreError(
                f"{self._path} was moved or removed while it was in use; put it back, or start again where it is now."
            )

    def close(self) -> None:
        """Nothing may be asked any more."""
        self._base.close()

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError as error:
            if kind_of(error) == "full":
                raise NoRoomError(f"{self._path} cannot be written; make room on its disk.") from None
            raise StoreError(
                f"{self._path} cannot be read or written ({error}); check the path and your rights."
            ) from None
        except sqlite3.DatabaseError:
            raise StoreError(
                f"{self._path} is no store of `remnant serve`, or of another version of it; give another --store."
            ) from None
