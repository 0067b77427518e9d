"""What is kept: whole, once, by tenant, and nothing where the disk is full."""

import errno
import os
import sqlite3
from pathlib import Path

import numpy as np
import pytest

from remnant.base.errors import RemnantError
from remnant.serve.holdout import SHARE, draw_id, is_held_out
from remnant.serve.server import store as room
from remnant.serve.server.database import Database, NoRoomError, StoreError
from remnant.serve.server.refusal import RefusalError
from remnant.serve.server.store import Store

ONE, TWO = "7d0c4f2e-5a1b-4c3d-8e9f-001122334455", "7d0c4f2e-5a1b-4c3d-8e9f-001122334456"


@pytest.fixture
def add(store, code, labels):
    """`add(tenant="a", id=ONE, code=..., labels=...)`."""
    return lambda tenant="a", id=ONE, code=code, labels=labels: store.add(tenant, "net", id, code, labels)


def files(store):
    return sorted(path.name for path in (store.folder / "contributions").iterdir())


def test_what_is_kept_is_read_again_by_another_process(store, add, code, labels):
    assert add() and not add()
    other = Store.existing(store.folder)
    (one,) = other.contributions("net")
    found = other.read(one)
    np.testing.assert_array_equal(found[0], code)
    np.testing.assert_array_equal(found[1], labels)
    assert (found[0].dtype, found[1].dtype) == (np.float16, np.uint8)
    assert (one.tenant, one.id, one.versions) == ("a", ONE, ()) and files(store) == [one.file]
    assert other.contributions("other") == [] and store.folder.stat().st_mode & 0o777 == 0o700


def test_an_id_has_one_content_for_each_tenant(store, add, code):
    add()
    with pytest.raises(RefusalError, match="other content") as refused:
        add(code=code * np.float16(0.5))
    assert refused.value.status == 409 and len(files(store)) == 1
    assert add("b", code=code * np.float16(0.5)) and not add()
    assert [one.tenant for one in store.contributions("net")] == ["a", "b"]
    assert [one.tenant for one in store.contributions("net", "b")] == ["b"]


def test_a_contribution_is_durable_before_it_is_told(store, add, monkeypatch):
    """File, its folder and then the row; nothing after the row."""
    done = []
    monkeypatch.setattr(
        os,
        "fsync",
        lambda handle, real=os.fsync: done.append(str(Path(f"/proc/self/fd/{handle}").readlink())) or real(handle),
    )
    store.database._base.set_trace_callback(lambda line: done.append(line.split()[0]))
    add()
    folder = str(store.folder / "contributions")
    where = [place for place, what in enumerate(done) if what.startswith(folder)]
    assert done[where[0]].startswith(f"{folder}/.tmp-") and done[where[1]] == folder
    assert done[where[1] + 1 :] == ["INSERT", "COMMIT"]
    (mode,), (sync,) = (store.database.rows(f"PRAGMA {name}")[0] for name in ("journal_mode", "synchronous"))
    assert (mode, sync) == ("wal", 2)


@pytest.mark.parametrize("fails", ["write", "sync", "row"])
def test_where_the_disk_is_full_nothing_is_kept(store, add, monkeypatch, fails):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    if fails == "row":
        store.database._base.execute(f"PRAGMA max_page_count={store.database.rows('PRAGMA page_count')[0][0]}")
        store.database._base.execute(
            "CREATE TRIGGER big AFTER INSERT ON contributions BEGIN INSERT INTO promotions "
            "(model, number, created) VALUES (hex(zeroblob(100000)), 1, ''); END"
        )
    elif fails == "sync":
        monkeypatch.setattr(room, "synced", full)
    else:
        monkeypatch.setattr("pathlib.Path.write_bytes", full)
    with pytest.raises(RefusalError, match="disk is full, and nothing was kept") as refused:
        add()
    assert refused.value.status == 507 and files(store) == [] and store.contributions("net") == []


def test_a_quota_is_each_tenants_own(store, add, code):
    store.quota = 30_000
    add()
    with pytest.raises(RefusalError, match=r"take .* of 30,000 bytes") as refused:
        add(id=TWO)
    assert refused.value.status == 507 and len(files(store)) == 1
    assert add("b") and not add()  # the same again needs no room
    store.delete("a", "net", ONE)
    assert add(id=TWO)


def test_what_was_deleted_is_gone_and_its_versions_are_known(store, add):
    add(), add("b")
    with store.database.writing() as base:
        base.executemany("INSERT INTO parts VALUES ('net', ?, 'a', ?)", [(2, ONE), (3, ONE)])
    assert store.delete("b", "net", TWO) is None and store.delete("a", "other", ONE) is None
    assert store.delete("a", "net", ONE) == (2, 3) and store.delete("a", "net", ONE) is None
    assert len(files(store)) == 1 and [one.tenant for one in store.contributions("net")] == ["b"]
    (gone,) = store.contributions("net", deleted=True)
    assert (gone.tenant, gone.versions, gone.file) == ("a", (2, 3), None)
    assert add() and store.contributions("net", "a")[0].versions == (2, 3)


def test_what_a_kill_left_is_cleared_at_the_start(store, add):
    add()
    (kept,) = files(store)
    for name in (".tmp-x.safetensors", "0" * 32 + ".safetensors"):
        (store.folder / "contributions" / name).write_bytes(b"half")
    Store.existing(store.folder).close()  # not by what only reads
    assert len(files(store)) == 3
    store.close()
    again = Store(store.folder)
    again.open_alone()
    assert files(again) == [kept]
    with pytest.raises(RemnantError, match="Another server has the store"):
        Store(store.folder).open_alone()
    again.close()


def test_a_file_that_is_gone_or_changed_is_told_and_comes_again(store, add):
    add()
    (one,) = store.contributions("net")
    path = store.folder / "contributions" / one.file
    path.write_bytes(path.read_bytes()[:-1] + b"\xff")
    with pytest.raises(RemnantError, match="is not what was contributed"):
        store.read(one)
    path.unlink()
    with pytest.raises(RemnantError, match="cannot be read"):
        store.read(one)
    assert add() and store.read(store.contributions("net")[0])


def test_what_is_no_store_is_told(tmp_path, store):
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.txt").write_text("x")
    with pytest.raises(RemnantError, match="holds other files"):
        Store(tmp_path / "other")
    with pytest.raises(RemnantError, match="is no store"):
        Store.existing(tmp_path / "other")
    assert not (tmp_path / "other" / "store.sqlite").exists()
    (tmp_path / "file").write_text("x")
    with pytest.raises(RemnantError, match="cannot be used as a store"):
        Store(tmp_path / "file")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "store.sqlite").write_bytes(b"x" * 5000)
    with pytest.raises(StoreError, match="is no store of `remnant serve`"):
        Store(tmp_path / "broken")
    # A kill before the tables were made leaves a folder that is taken up again.
    (tmp_path / "begun" / "contributions").mkdir(parents=True)
    Store(tmp_path / "begun").close()


def test_a_transaction_is_all_or_nothing(tmp_path):
    base = Database(tmp_path / "x.sqlite")
    with pytest.raises(OSError, match="away"), base.writing() as rows:
        rows.execute("INSERT INTO promotions (model, number, created) VALUES ('m', 1, '')")
        raise OSError("away")
    assert base.rows("SELECT * FROM promotions") == []
    with sqlite3.connect(tmp_path / "x.sqlite") as other:
        assert other.execute("SELECT count(*) FROM promotions").fetchone() == (0,)


def test_the_share_that_is_held_out_is_a_function_of_the_id():
    drawn = [draw_id() for _ in range(5000)]
    assert abs(np.mean([is_held_out(one) for one in drawn]) - SHARE) < 0.025
    assert not is_held_out(ONE) and is_held_out("00000000-0000-4000-8000-000000000003") is is_held_out(
        "00000000-0000-4000-8000-000000000003"
    )
    assert all(is_held_out(draw_id(side)) is side for side in (True, False) * 20)


def test_on_a_full_disk_a_contribution_is_deleted_by_the_room_that_its_file_makes(store, code, labels, monkeypatch):
    store.add("a", "net", ONE, code, labels)
    files, writing = store.folder / "contributions", store.database.writing

    def full():
        if any(files.iterdir()):
            raise NoRoomError("It is full.")
        return writing()

    monkeypatch.setattr(store.database, "writing", full)
    assert store.delete("a", "net", ONE) == () and store.contributions("net") == []
    assert store.delete("a", "net", ONE) is None and not any(files.iterdir())
