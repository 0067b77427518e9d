"""What a client contributes, in SQLite with a file beside it until the server has it: after a kill the same is sent.

A client with a secret would encode a scan otherwise the second time, and under the same id that is another contribution.
"""

from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import safetensors.numpy

from remnant.base.errors import RemnantError, foreign
from remnant.base.files import atomic_path
from remnant.serve.client.kept import Kept
from remnant.serve.holdout import draw_id, is_held_out
from remnant.serve.protocol import CODE, LABELS

FILE = "contributions.sqlite"
TABLE = """CREATE TABLE IF NOT EXISTS contributions (
    server TEXT NOT NULL, model TEXT NOT NULL, scan TEXT NOT NULL, patient TEXT NOT NULL, id TEXT NOT NULL UNIQUE,
    sent INTEGER NOT NULL, PRIMARY KEY (server, model, scan))"""


KEPT, SENT, WITHDRAWN = 0, 1, 2  # the column `sent`


@dataclass(frozen=True)
class OutboxEntry:
    """A contribution by the `id` that was drawn for it once; `sent`: it is not to be sent, for the server has it or is to delete
    it.
    """

    id: str
    sent: bool


class Outbox(Kept):
    """What goes from the folder `folder` to the `model` of the server at an address, for one process at a time.

    Scans and patients are told by digests, no names. Methods raise `RemnantError` where the disk is full.
    """

    TABLE = TABLE

    def __init__(self, folder: Path, server: str, model: str) -> None:
        with foreign(folder, "cannot be a queue's folder", "check the path and your rights to it"):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        super().__init__(folder / FILE)
        self._key = (server, model)
        known = {one for (one,) in self._rows("SELECT id FROM contributions WHERE sent = 0")}
        for path in folder.glob("*.safetensors"):  # what a kill left
            if path.name.removesuffix(".safetensors") not in known:
                path.unlink()

    def __len__(self) -> int:
        """How many contributions the server has."""
        return self._rows(
            "SELECT count(*) FROM contributions WHERE server = ? AND model = ? AND sent = ?", *self._key, SENT
        )[0][0]

    @property
    def begun(self) -> bool:
        """Whether anything was ever meant for this server."""
        return bool(self._rows("SELECT 1 FROM contributions WHERE server = ? LIMIT 1", self._key[0]))

    def find(self, scan: str) -> OutboxEntry | None:
        """The entry of a scan, if there is one."""
        query = "SELECT id, sent FROM contributions WHERE server = ? AND model = ? AND scan = ?"
        found = self._rows(query, *self._key, scan)
        return OutboxEntry(found[0][0], bool(found[0][1])) if found else None

    def withdrawn(self, patient: str) -> bool:
        """Whether a patient's contributions were withdrawn: then no further scan is to be sent, either."""
        query = "SELECT 1 FROM contributions WHERE server = ? AND model = ? AND patient = ? AND sent = ? LIMIT 1"
        return bool(self._rows(query, *self._key, patient, WITHDRAWN))

    def knows(self, patient: str) -> bool:
        """Whether it ever had a contribution of a patient."""
        query = "SELECT 1 FROM contributions WHERE server = ? AND model = ? AND patient = ? LIMIT 1"
        return bool(self._rows(query, *self._key, patient))

    def judges(self, patient: str) -> bool:
        """Whether a contribution of a patient is held out of all training: then it is the only one, since versions are compared
        over contributions as if each were another person's.
        """
        query = "SELECT id FROM contributions WHERE server = ? AND model = ? AND patient = ? LIMIT 1"
        return any(is_held_out(drawn) for (drawn,) in self._rows(query, *self._key, patient))

    def withdraw(self, patients: Collection[str] | None) -> list[str]:
        """Send nothing more of these patients, or of all that it knows; return the ids of what the server may have of them."""
        query = "SELECT patient, id FROM contributions WHERE server = ? AND model = ?"
        found = [row for row in self._rows(query, *self._key) if patients is None or row[0] in patients]
        with self._asked():
            self._base.executemany(
                "UPDATE contributions SET sent = ? WHERE id = ?", [(WITHDRAWN, drawn) for _, drawn in found]
            )
        for _, drawn in found:
            self._file(drawn).unlink(missing_ok=True)
        return [drawn for _, drawn in found]

    def put(self, scan: str, patient: str, code: np.ndarray, labels: np.ndarray) -> OutboxEntry:
        """Keep a code float16 (1, x, y, z) with labels uint8 (x, y, z) under an id of its own; durable when it returns.

        Whether a patient is held out is drawn with the first scan: no version is judged by whom it was trained on. Raises
        `RemnantError` for a further scan of a patient who `judges`.
        """
        if self.judges(patient):
            raise RemnantError("One scan of a held-out patient is contributed, and the queue has one.")
        drawn = draw_id(False if self.knows(patient) else None)
        self.write(OutboxEntry(drawn, False), code, labels)
        with self._asked():
            row = (*self._key, scan, patient, drawn)
            self._base.execute("INSERT INTO contributions VALUES (?, ?, ?, ?, ?, 0)", row)
        return OutboxEntry(drawn, False)

    def write(self, entry: OutboxEntry, code: np.ndarray, labels: np.ndarray) -> None:
        """Keep other arrays for an entry that was not sent; durable when it returns."""
        with atomic_path(self._file(entry.id)) as temporary:
            temporary.write_bytes(safetensors.numpy.save({CODE: code, LABELS: np.ascontiguousarray(labels)}))

    def read(self, entry: OutboxEntry) -> tuple[np.ndarray, np.ndarray] | None:
        """What was kept for an entry; None where it is gone or damaged."""
        try:
            arrays = safetensors.numpy.load(self._file(entry.id).read_bytes())
            return arrays[CODE], arrays[LABELS]
        except (FileNotFoundError, safetensors.SafetensorError, KeyError):
            return None

    def sent(self, entry: OutboxEntry) -> None:
        """The server has it: what was kept of the patient goes."""
        with self._asked():
            self._base.execute("UPDATE contributions SET sent = ? WHERE id = ?", (SENT, entry.id))
        with suppress(FileNotFoundError):
            self._file(entry.id).unlink()

    def _file(self, drawn: str) -> Path:
        return self.path.parent / f"{drawn}.safetensors"

    def _rows(self, query: str, *values: object) -> list[tuple]:
        with self._asked():
            return self._base.execute(query, values).fetchall()
