"""Every file of SQLite is its owner's alone from the first byte, and whole or not there."""

import os
import sqlite3
from contextlib import closing

import numpy as np
import pytest
from tests.serve.disk import room_of

from remnant.base.errors import RemnantError
from remnant.serve.client.outbox import Outbox
from remnant.serve.client.queue import Queue
from remnant.serve.server.database import Database, StoreError
from remnant.serve.sqlite_files import connected, kind_of

MAKERS = {
    "contributions.sqlite": lambda folder: Outbox(folder, "u", "m"),
    "queue.sqlite": lambda folder: Queue(folder / "queue.sqlite"),
    "store.sqlite": lambda folder: Database(folder / "store.sqlite"),
}
each = pytest.mark.parametrize(("name", "make"), MAKERS.items(), ids=MAKERS)


def modes(folder):
    return {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()}


@each
def test_a_file_is_its_owners_alone_before_sqlite_opens_it(name, make, tmp_path, monkeypatch):
    seen, connect = [], sqlite3.connect

    def connect_seen(path, **values):
        seen.append(modes(tmp_path))
        return connect(path, **values)

    monkeypatch.setattr(sqlite3, "connect", connect_seen)
    umask = os.umask(0)
    try:
        for left in (None, 0o644):  # new, and as an earlier version left it
            if left:
                (tmp_path / name).chmod(left)
            with closing(make(tmp_path)._base):
                assert set(modes(tmp_path).values()) == {0o600}
    finally:
        os.umask(umask)
    assert seen == [{name: 0o600}] * 2


@each
def test_on_a_full_disk_a_file_is_whole_or_not_there(name, make, tmp_path):
    (tmp_path / "whole").mkdir()
    with closing(make(tmp_path / "whole")._base) as base:
        wanted = base.execute("SELECT sql FROM sqlite_master ORDER BY sql").fetchall()
    outcomes = []
    for pages in range(12):
        folder = tmp_path / str(pages)
        folder.mkdir()
        try:
            with room_of(4096 * pages):
                made = make(folder)
        except RemnantError as error:
            assert "disk" in str(error)
            outcomes.append(False)
        else:
            made._base.close()
            outcomes.append(True)
        left = modes(folder)
        assert left in ({}, {name: 0o600}) and (left or not outcomes[-1])
        if left:
            with closing(sqlite3.connect(folder / name)) as base:
                assert base.execute("SELECT sql FROM sqlite_master ORDER BY sql").fetchall() == wanted
    assert not outcomes[0] and outcomes[-1]


@each
def test_a_file_that_another_makes_at_this_moment_is_not_taken_away(name, make, tmp_path, monkeypatch):
    connect, others = sqlite3.connect, []

    def connect_second(path, **values):
        base = connect(path, **values | {"timeout": 0})
        others.append(connect(path, isolation_level=None))
        others[0].execute("BEGIN EXCLUSIVE")
        return base

    monkeypatch.setattr(sqlite3, "connect", connect_second)
    with pytest.raises(RemnantError):
        make(tmp_path)
    others[0].close()
    assert modes(tmp_path) == {name: 0o600}


def test_what_somebody_wrote_into_a_new_file_is_not_taken_away(tmp_path):
    with pytest.raises(KeyError), connected(tmp_path / "q", 0) as base:
        base.execute("CREATE TABLE found (it)")
        raise KeyError
    assert modes(tmp_path) == {"q": 0o600}


def test_a_path_that_cannot_be_is_one_sentence(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "gone" / "q")
    for path in (tmp_path / "gone" / "q", tmp_path / "link"):
        with pytest.raises(
            RemnantError, match=r"cannot be made \(No such file or directory\); make room, or check the path"
        ):
            Queue(path)


OTHERS = {
    "another program's": ["CREATE TABLE moz_places (id, url)"],
    "of other columns": ["CREATE TABLE contributions (id)", "CREATE TABLE series (id)"],
    "of one table more": ["CREATE TABLE people (name)", "PRAGMA user_version = 0"],
    "a later version's": ["PRAGMA user_version = 1"],
}


@each
@pytest.mark.parametrize("lines", OTHERS.values(), ids=OTHERS)
def test_another_programs_file_stays_as_it_is(name, make, lines, tmp_path):
    with closing(sqlite3.connect(tmp_path / name, isolation_level=None)) as base:
        for line in lines:
            base.execute(line)
        base.execute("PRAGMA journal_mode=WAL")
    before = (tmp_path / name).read_bytes()
    with pytest.raises(RemnantError, match=r"is no (queue|store) of .*, or of another version of it; give another --"):
        make(tmp_path)
    assert (tmp_path / name).read_bytes() == before


@each
def test_what_may_not_be_written_is_told_so(name, make, tmp_path, monkeypatch):
    """As on a disk that is mounted for reading alone, of which SQLite says that writing failed."""
    make(tmp_path)._base.close()
    access = os.access
    monkeypatch.setattr(os, "access", lambda path, how: access(path, how) and not how & os.W_OK)
    with pytest.raises(RemnantError, match=rf"{name} or its folder cannot be written; check the path and your rights"):
        make(tmp_path)


def test_nothing_goes_into_a_file_that_was_moved_away(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "c").mkdir()
    store, outbox = Database(tmp_path / "a" / "store.sqlite"), Outbox(tmp_path / "c", "u", "m")
    code, labels = np.zeros((1, 2, 2, 2), np.float16), np.ones((2, 2, 2), np.uint8)
    (tmp_path / "a").rename(tmp_path / "b")
    (tmp_path / "c").rename(tmp_path / "d")
    with pytest.raises(StoreError, match="was moved or removed while it was in use"):
        store.rows("SELECT 1")
    with pytest.raises(StoreError, match="was moved or removed"), store.writing():
        pass
    with pytest.raises(RemnantError, match="was moved or removed while it was in use"):
        outbox.put("scan", "patient", code, labels)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b", "d"]
    (tmp_path / "b").rename(tmp_path / "a")
    assert store.rows("SELECT 1") == [(1,)]
    store.close()
    outbox.__exit__()


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
