"""Whatever SQLite adds to an error, its kind is known."""

import sqlite3

import pytest

from remnant.serve.sqlite_errors import kind_of


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (sqlite3.SQLITE_BUSY, "busy"),
        (sqlite3.SQLITE_BUSY_SNAPSHOT, "busy"),
        (sqlite3.SQLITE_LOCKED_SHAREDCACHE, "busy"),
        (sqlite3.SQLITE_FULL, "full"),
        (sqlite3.SQLITE_IOERR_WRITE, "full"),
        (sqlite3.SQLITE_CANTOPEN, "other"),
    ],
)
def test_the_kind_of_an_error_is_that_of_its_lowest_byte(code, kind):
    error = sqlite3.OperationalError("x")
    error.sqlite_errorcode = code
    assert kind_of(error) == kind


def test_an_error_without_a_code_is_another():
    assert kind_of(sqlite3.OperationalError("x")) == "other"
