"""What an error of SQLite is about, at the server and at the client."""

import sqlite3
from typing import Literal

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
