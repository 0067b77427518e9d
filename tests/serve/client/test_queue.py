import sqlite3

import pytest

from remnant.base.errors import RemnantError
from remnant.serve.client.queue import ARRIVING, MADE, REFUSED, STORED, UNFIT, Queue


def test_a_series_settles_when_its_number_of_instances_stays(tmp_path):
    with Queue(tmp_path / "q") as queue:
        assert not queue.saw("1", "2", 10, 100.0).settled(159.0, 60)
        assert not queue.saw("1", "2", 11, 150.0).settled(209.0, 60)
        row = queue.saw("1", "2", 11, 210.0)
        assert row.settled(210.0, 60) and row.changed == 150.0
        # A clock that was set back begins anew.
        assert not queue.saw("1", "2", 11, 20.0).settled(79.0, 60) and queue.saw("1", "2", 11, 80.0).settled(80.0, 60)


def test_a_series_outgrows_its_stored_result_and_an_unfit_one_gets_another_chance(tmp_path):
    with Queue(tmp_path / "q") as queue:
        queue.becomes(queue.saw("1", "2", 11, 0.0), MADE)
        # More came between: the result is of what it was made of, also of one that the archive did not take at first.
        row = queue.saw("1", "2", 12, 5.0)
        queue.becomes(row, REFUSED)
        (row,) = queue.of(REFUSED)
        queue.becomes(row, MADE)
        (row,) = queue.of(MADE)
        assert row.made_of == 11 and not row.outgrown
        queue.becomes(row, STORED)
        assert queue.saw("1", "2", 12, 6.0).outgrown and not queue.saw("1", "2", 11, 7.0).outgrown
        queue.again(row)
        again = queue.saw("1", "2", 12, 8.0)
        assert (again.state, again.edition, again.made_of) == (ARRIVING, 2, 11) and not again.outgrown
        unfit = queue.saw("1", "3", 11, 0.0)
        queue.becomes(unfit, UNFIT, "It lacks a slice.")
        assert queue.saw("1", "3", 11, 9.0).state == UNFIT and queue.saw("1", "3", 12, 9.0).state == ARRIVING


def test_a_queue_is_there_after_a_restart_and_a_series_is_one_row(tmp_path):
    with Queue(tmp_path / "q") as queue:
        first, second = (queue.saw("1", series, 3, 0.0) for series in ("2", "3"))
        queue.becomes(first, UNFIT, "It is a localizer.")
    with Queue(tmp_path / "q") as queue:
        assert queue.saw("1", "2", 3, 5.0).why == "It is a localizer."
        assert queue.of(ARRIVING) == [second] and [row.id for row in queue.of(UNFIT)] == [first.id]
    assert (tmp_path / "q").stat().st_mode & 0o077 == 0


def test_what_is_told_is_on_the_disk(tmp_path):
    """The log is written ahead and synced at each change: SQLite's own words."""
    with Queue(tmp_path / "q") as queue:
        found = [queue._base.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")]
    assert found == ["wal", 2]


def test_one_process_at_a_time(tmp_path):
    with Queue(tmp_path / "q"), pytest.raises(RemnantError, match="is in use by another client; stop that one"):
        Queue(tmp_path / "q")
    with Queue(tmp_path / "q"):
        pass


def test_another_file_and_a_full_disk_are_told(tmp_path):
    (tmp_path / "q").write_text("no base of data " * 100)
    with pytest.raises(RemnantError, match="is no queue of a client"):
        Queue(tmp_path / "q")
    with Queue(tmp_path / "r") as queue:
        queue._base.execute("PRAGMA max_page_count=1")
        with pytest.raises(RemnantError, match="the disk is full; make room and start the client again"):
            for number in range(9999):
                queue.saw("1", str(number), 1, 0.0)
    assert sqlite3.connect(tmp_path / "r").execute("PRAGMA integrity_check").fetchone() == ("ok",)
