"""What a client that watches an archive knows of each series, in SQLite, so that a kill at any moment loses and doubles none.

A series is `arriving` until its number of instances has settled; `made` when its result lies on the disk, `stored` when the
archive has that, `refused` where the archive does not take it, and `unfit` where it is no scan that can be segmented, or the
segmenter does not take its code. An unfit one of which more comes is `arriving` again: what it lacked may be there.
"""

from dataclasses import dataclass

from remnant.serve.client.kept import Kept

ARRIVING, MADE, STORED, REFUSED, UNFIT = "arriving", "made", "stored", "refused", "unfit"
TABLE = """CREATE TABLE IF NOT EXISTS series (
    id INTEGER PRIMARY KEY, study TEXT NOT NULL, series TEXT NOT NULL, instances INTEGER NOT NULL, changed REAL NOT NULL,
    state TEXT NOT NULL, why TEXT NOT NULL, made_of INTEGER NOT NULL, edition INTEGER NOT NULL, UNIQUE (study, series))"""
COLUMNS = "id, study, series, instances, changed, state, why, made_of, edition"


@dataclass(frozen=True)
class Row:
    """A series; `changed`: when its number of `instances` was last seen to change, in seconds as `time.time` has them.

    `why`: what was told of it. `made_of`: the number of instances that its result is of. `edition`: 1, and one more each time
    that it is to be segmented although there is a result.
    """

    id: int
    study: str
    series: str
    instances: int
    changed: float
    state: str
    why: str
    made_of: int
    edition: int

    def settled(self, now: float, settle: float) -> bool:
        """Whether the number of its instances has not changed for `settle` seconds."""
        return now - self.changed >= settle

    @property
    def outgrown(self) -> bool:
        """Whether its result is stored, and of another number of instances than there are now."""
        return self.state == STORED and self.instances != self.made_of


class Queue(Kept):
    """The queue in the file `path`, for one process at a time. Use as a context manager.

    Methods raise `RemnantError` where the disk is full, and for a file that is no queue.
    """

    TABLE = TABLE

    def saw(self, study: str, series: str, instances: int, now: float) -> Row:
        """The row of a series that has so many instances now; new, if there was none."""
        with self._asked():
            self._base.execute(
                "INSERT INTO series (study, series, instances, changed, state, why, made_of, edition) "
                "VALUES (?, ?, ?, ?, ?, '', 0, 1) "
                "ON CONFLICT (study, series) DO UPDATE SET instances = excluded.instances, changed = excluded.changed, "
                "state = CASE WHEN state = ? AND instances != excluded.instances THEN excluded.state ELSE state END "
                # A clock that was set back would keep it waiting.
                "WHERE instances != excluded.instances OR changed > excluded.changed",
                (study, series, instances, now, ARRIVING, UNFIT),
            )
            found = self._base.execute(
                f"SELECT {COLUMNS} FROM series WHERE study = ? AND series = ?", (study, series)
            ).fetchone()
        return Row(*found)

    def of(self, state: str) -> list[Row]:
        """The rows in a state, the oldest first."""
        with self._asked():
            found = self._base.execute(f"SELECT {COLUMNS} FROM series WHERE state = ? ORDER BY id", (state,)).fetchall()
        return [Row(*row) for row in found]

    def becomes(self, row: Row, state: str, why: str = "") -> None:
        """Durable when it returns. What becomes `MADE` is made of the row's instances."""
        with self._asked():
            self._base.execute(
                "UPDATE series SET state = ?, why = ?, made_of = CASE WHEN ? THEN ? ELSE made_of END WHERE id = ?",
                (state, why, state == MADE and row.state == ARRIVING, row.instances, row.id),
            )

    def again(self, row: Row) -> None:
        """To be segmented once more, beside the result that there is."""
        with self._asked():
            self._base.execute(
                "UPDATE series SET state = ?, why = '', edition = edition + 1 WHERE id = ?", (ARRIVING, row.id)
            )
