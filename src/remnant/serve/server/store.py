"""What the server keeps: contributions of its tenants, and the versions of its models that were made of them.

A folder: `store.sqlite`, `contributions/` with a file each under a name that no client chose, and `versions/MODEL/NUMBER/` with a
segmenter and its record. What a row names is whole on the disk; a file that no row names is what a kill left, and goes.
"""

import errno
import fcntl
import hashlib
import os
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import safetensors.numpy

from remnant.base.errors import NO_ROOM, RemnantError, foreign
from remnant.base.files import atomic_path
from remnant.serve.holdout import is_held_out
from remnant.serve.protocol import CODE, LABELS
from remnant.serve.server.database import Database, NoRoomError
from remnant.serve.server.refusal import RefusalError

BASE = "store.sqlite"
OURS = {"contributions", "versions", "server.lock", "retrain.lock", f"{BASE}-wal", f"{BASE}-shm"}
QUOTA = 10 * 2**30  # bytes of a tenant
FULL = (
    "The server's disk is full, and nothing was kept of this contribution; tell its operator, and send it again later."
)


@dataclass(frozen=True)
class Contribution:
    """A tenant's code with its label map, in `file` below `contributions/`; None once it was deleted.

    `digest`: of both arrays, by which the same is known again. `versions`: those that learned from it,
    trained on it themselves or on from one that was.
    """

    tenant: str
    id: str
    digest: str
    file: str | None
    bytes: int
    created: str
    versions: tuple[int, ...] = ()

    @property
    def held_out(self) -> bool:
        """Whether it measures versions and trains none."""
        return is_held_out(self.id)


class Store:
    """A store in `folder`, which is made if missing; `quota`: bytes that a tenant may keep. Close it at the end."""

    def __init__(self, folder: Path, quota: int = QUOTA) -> None:
        """Raises `RemnantError` for a folder that holds something else."""
        self.folder, self.quota = Path(folder), quota
        self._files = self.folder / "contributions"
        with foreign(self.folder, "cannot be used as a store", "check the path and your rights to it"):
            found = {path.name for path in self.folder.iterdir()} if self.folder.is_dir() else set()
            if BASE not in found and found - OURS:
                raise RemnantError(f"{self.folder} holds other files and no store; give a new or an empty folder.")
            self._files.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.folder.chmod(0o700)
        self.database = Database(self.folder / BASE)
        for path in (self.folder, self.folder.resolve().parent):
            synced(path)

    @classmethod
    def existing(cls, folder: Path) -> "Store":
        """A store that is there already; raises `RemnantError` where none is."""
        if not (Path(folder) / BASE).is_file():
            raise RemnantError(f"{folder} is no store; give the folder that `remnant serve --store` has.")
        return cls(folder)

    def open_alone(self) -> None:
        """Be the one server of this store until the process ends, and clear away what a kill left.

        Raises `RemnantError` where another server has it.
        """
        self._lock = (self.folder / "server.lock").open("w")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise RemnantError(
                f"Another server has the store {self.folder}; stop it, or give another --store."
            ) from None
        known = {name for (name,) in self.database.rows("SELECT file FROM contributions WHERE file IS NOT NULL")}
        for path in self._files.iterdir():
            if path.name not in known:
                path.unlink()

    def add(self, tenant: str, model: str, contribution: str, code: np.ndarray, labels: np.ndarray) -> bool:
        """Keep a code float16 (1, x, y, z) with its labels uint8 (x, y, z); durable when it returns: whether it is new.

        Raises `RefusalError` where other content has the id, where the quota is used up and where the disk is full; then nothing
        of it is kept.
        """
        content = safetensors.numpy.save({CODE: np.ascontiguousarray(code), LABELS: np.ascontiguousarray(labels)})
        digest, name = hashlib.sha256(content).hexdigest(), f"{uuid.uuid4().hex}.safetensors"
        path = self._files / name
        try:
            with self.database.writing() as base:
                known = base.execute(
                    "SELECT digest, file FROM contributions WHERE tenant = ? AND model = ? AND id = ? AND deleted IS NULL",
                    (tenant, model, contribution),
                ).fetchone()
                if known is not None and known[0] == digest and (self._files / known[1]).exists():
                    return False
                if known is not None and known[0] != digest:
                    raise RefusalError(409, "This id has other content already; give what is new an id of its own.")
                self._check_quota(tenant, len(content))
                with atomic_path(path) as temporary:
                    temporary.write_bytes(content)
                synced(self._files)
                base.execute(
                    "INSERT OR REPLACE INTO contributions VALUES (?, ?, ?, ?, ?, ?, ?, NULL)",
                    (tenant, model, contribution, digest, name, len(content), now()),
                )
        except BaseException as error:
            path.unlink(missing_ok=True)
            if isinstance(error, NoRoomError) or (isinstance(error, OSError) and error.errno in NO_ROOM | {errno.EIO}):
                raise RefusalError(507, FULL) from None
            raise
        return True

    def _check_quota(self, tenant: str, more: int) -> None:
        if (used := self.used(tenant)) + more > self.quota:
            raise RefusalError(
                507,
                f"Your contributions take {used:,} of {self.quota:,} bytes, and this one {more:,}; delete some, or ask the "
                "server's operator for more.",
            )

    def used(self, tenant: str) -> int:
        """Bytes of a tenant's contributions to all models."""
        ((total,),) = self.database.rows(
            "SELECT coalesce(sum(bytes), 0) FROM contributions WHERE tenant = ? AND deleted IS NULL", tenant
        )
        return int(total)

    def contributions(self, model: str, tenant: str | None = None, *, deleted: bool = False) -> list[Contribution]:
        """The contributions to a model, the oldest first: of one tenant or of all. With `deleted` those that are gone."""
        found = self.database.rows(
            "SELECT tenant, id, digest, file, bytes, created FROM contributions WHERE model = ? AND (? IS NULL OR tenant = ?) "
            f"AND deleted IS {'NOT ' if deleted else ''}NULL ORDER BY created, id",
            model,
            tenant,
            tenant,
        )
        parts: dict[tuple[str, str], list[int]] = {}
        for whose, one, number in self.database.rows(
            "SELECT tenant, id, number FROM parts WHERE model = ? ORDER BY number", model
        ):
            parts.setdefault((whose, one), []).append(number)
        return [Contribution(*row, versions=tuple(parts.get((row[0], row[1]), ()))) for row in found]

    def delete(self, tenant: str, model: str, contribution: str) -> tuple[int, ...] | None:
        """Forget a tenant's contribution, and return the versions that learned from it; None where there is none such."""
        key = (tenant, model, contribution)
        try:
            return self._delete(*key)
        except NoRoomError:
            # The file is to go anyway, and makes the room that its row needs.
            for (name,) in self.database.rows(
                "SELECT file FROM contributions WHERE tenant = ? AND model = ? AND id = ? AND deleted IS NULL", *key
            ):
                (self._files / name).unlink(missing_ok=True)
            return self._delete(*key)

    def _delete(self, *key: str) -> tuple[int, ...] | None:
        with self.database.writing() as base:
            where = "WHERE tenant = ? AND model = ? AND id = ?"
            row = base.execute(f"SELECT file FROM contributions {where} AND deleted IS NULL", key).fetchone()
            if row is None:
                return None
            base.execute(f"UPDATE contributions SET deleted = ?, file = NULL {where}", (now(), *key))
            found = base.execute(f"SELECT number FROM parts {where} ORDER BY number", key).fetchall()
        # After the row: a kill in between leaves a file without a row, which the next start clears away.
        (self._files / row[0]).unlink(missing_ok=True)
        synced(self._files)
        return tuple(number for (number,) in found)

    def read(self, one: Contribution) -> tuple[np.ndarray, np.ndarray]:
        """Code float16 (1, x, y, z) and labels uint8 (x, y, z); raises `RemnantError` where the file is gone or was changed."""
        path = self._files / (one.file or "deleted")
        with foreign(path, "cannot be read", "it may have been deleted meanwhile: start again", told=False):
            content = path.read_bytes()
            if hashlib.sha256(content).hexdigest() != one.digest:
                raise RemnantError(
                    f"{path} is not what was contributed; have its tenant delete and send {one.id} again."
                )
            arrays = safetensors.numpy.load(content)
        return arrays[CODE], arrays[LABELS]

    def close(self) -> None:
        """Let others have it."""
        self.database.close()
        if hasattr(self, "_lock"):
            self._lock.close()


def synced(folder: Path) -> None:
    """Make the names in a folder durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def now() -> str:
    """This moment in UTC, as text that sorts."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")
