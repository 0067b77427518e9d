"""What a client that watches an archive knows of each series, in SQLite, so that a kill at any moment loses and doubles none.

A series is `arriving` until its number of instances has settled; `made` when its result lies on the disk, `stored` when the
archive has that, and `unfit` where it is no scan that can be segmented, which `why` says.
"""

from dataclasses import dataclass

from remnant.serve.client.kept import Kept

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


class Queue(Kept):
    """The queue in the file `path`, for one process at a time. Use as a context manager.

    Methods raise `RemnantError` where the disk is full, and for a file that is no queue.
    """

    TABLE = TABLE

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
