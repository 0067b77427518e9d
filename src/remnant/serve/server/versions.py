"""The versions of one model in a store: which there are, which one answers, and what takes its place."""

import json
import os
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any

from remnant.base.errors import RemnantError
from remnant.base.files import fresh_folder
from remnant.base.provenance import sha256
from remnant.base.texts import counted
from remnant.defenses.privacynet.networks import SEGMENTER, Server, load_server, segmenter_file
from remnant.engine.device import place
from remnant.serve.server.refusal import RefusalError
from remnant.serve.server.store import Contribution, Store, now, synced

RECORD = "record.json"
LOADED = 3  # networks of a model that are in memory
CURRENT = "SELECT step, number FROM promotions WHERE model = ? AND undone IS NULL ORDER BY step DESC LIMIT 2"


class Versions(Mapping[int, Server]):
    """The segmenters of `model` by number, read when they are asked for; what another process adds is there at once."""

    def __init__(self, store: Store, model: str) -> None:
        self.store, self.model = store, model
        self._turn, self._loaded = Lock(), OrderedDict[int, Server]()

    @classmethod
    def existing(cls, store: Store, model: str | None) -> "Versions":
        """Of a model that is in the store, or of the one there is; raises `RemnantError` for another."""
        known = [name for (name,) in store.database.rows("SELECT DISTINCT model FROM versions ORDER BY model")]
        if model is None and len(known) != 1:
            raise RemnantError(f"The store {store.folder} has {len(known)} models ({', '.join(known)}); give --model.")
        if model is not None and model not in known:
            raise RemnantError(f"The store {store.folder} has no model {model!r}; it has {', '.join(known) or 'none'}.")
        return cls(store, known[0] if model is None else model)

    def adopt(self, run: Path) -> None:
        """Make the segmenter of `run` version 1, or see that it is; raises `RemnantError` where another is."""
        file = segmenter_file(run)
        load_server(file)  # raises for what is none
        known = self.store.database.rows("SELECT sha256 FROM versions WHERE model = ? AND number = 1", self.model)
        if known and known[0][0] != sha256(file):
            raise RemnantError(
                f"The store {self.store.folder} has another segmenter as version 1 of {self.model} than {file}; give another "
                "--store, or rename the segmenter's folder."
            )
        if not known:
            with self.making(1) as folder:
                (folder / SEGMENTER).write_bytes(file.read_bytes())
            self.add(1, {"number": 1, "base": None}, ())

    def folder(self, number: int) -> Path:
        return self.store.folder / "versions" / self.model / str(number)

    @contextmanager
    def making(self, number: int) -> Iterator[Path]:
        """A folder that becomes the version's as a whole, and nobody's version before `add`."""
        self.store.database.require_there()  # else its folder would be made anew
        with fresh_folder(self.folder(number)) as new:
            yield new
            for path in new.iterdir():
                with path.open("rb+") as written:
                    os.fsync(written.fileno())
            synced(new)
        for parent in (self.folder(number).parent, self.folder(number).parent.parent, self.store.folder):
            synced(parent)

    def add(self, number: int, record: Mapping[str, Any], parts: Sequence[Contribution]) -> None:
        """From now on the version is there, trained on `parts`; version 1 is promoted with it. What its base had learned from it
        has learned from, too, for it was trained on from there.

        Raises `RemnantError` where one of `parts` was deleted meanwhile.
        """
        digest = sha256(self.folder(number) / SEGMENTER)
        with self.store.database.writing() as base:
            there = {(one.tenant, one.id) for one in self.store.contributions(self.model)}
            if gone := [one for one in parts if (one.tenant, one.id) not in there]:
                raise RemnantError(
                    f"While version {number} was trained, {counted(len(gone), 'contribution was', 'contributions were')} "
                    "deleted, so that it is not added; retrain again."
                )
            row = (self.model, number, now(), digest, json.dumps(record, allow_nan=False))
            base.execute("INSERT INTO versions VALUES (?, ?, ?, ?, ?)", row)
            base.executemany(
                "INSERT INTO parts VALUES (?, ?, ?, ?)", [(self.model, number, one.tenant, one.id) for one in parts]
            )
            base.execute(
                "INSERT OR IGNORE INTO parts SELECT model, ?, tenant, id FROM parts WHERE model = ? AND number = ?",
                (number, self.model, record["base"]),
            )
            if number == 1:
                self._promote(base, number)

    @property
    def promoted(self) -> int:
        """The version that answers where none is asked for."""
        return int(self.store.database.rows(CURRENT, self.model)[0][1])

    def promote(self, number: int, *, anyway: bool = False) -> None:
        """Let a version answer; durable, and seen by a running server at once.

        Raises `RefusalError` where there is none such, and unless `anyway` where its check does not hold, or was against
        another version than the one whose place it would take, and where it learned from what was deleted since, and that one
        did not.
        """
        with self.store.database.writing() as base:
            if number not in self:
                raise RefusalError(404, f"The model {self.model} has no version {number}.")
            why = _against(self.record(number), self.promoted) or self._withdrawn(number)
            if why and not anyway:
                raise RefusalError(
                    409,
                    f"Version {number} of {self.model} is not promoted, for {why}; see its record, and on the server's machine "
                    "add --anyway where you know better.",
                )
            if number != self.promoted:
                self._promote(base, number)

    def learned_from_deleted(self, number: int) -> int:
        """How many contributions a version learned from, itself or by those that it was trained on from, that are deleted."""
        return sum(number in one.versions for one in self.store.contributions(self.model, deleted=True))

    def _withdrawn(self, number: int) -> str:
        """Why a version may not answer after what was deleted; empty where it brings nothing back."""
        promoted = self.promoted
        gone = [
            one
            for one in self.store.contributions(self.model, deleted=True)
            if number in one.versions and promoted not in one.versions
        ]
        if not gone:
            return ""
        return f"{counted(len(gone), 'contribution that it learned from was', 'contributions that it learned from were')} deleted"

    def rollback(self) -> int:
        """Let the version answer that did so before, and return it; raises `RefusalError` where there was none."""
        with self.store.database.writing() as base:
            found = base.execute(CURRENT, (self.model,)).fetchall()
            if len(found) < 2:
                raise RefusalError(409, f"Before version {found[0][1]} of {self.model} no other was promoted.")
            base.execute("UPDATE promotions SET undone = ? WHERE step = ?", (now(), found[0][0]))
            return int(found[1][1])

    def _promote(self, base: Any, number: int) -> None:
        base.execute("INSERT INTO promotions (model, number, created) VALUES (?, ?, ?)", (self.model, number, now()))

    def record(self, number: int) -> dict[str, Any]:
        """What is known of how a version came about."""
        query = "SELECT record FROM versions WHERE model = ? AND number = ?"
        return json.loads(self.store.database.rows(query, self.model, number)[0][0])

    def listing(self) -> list[dict[str, Any]]:
        """For whoever asks which versions there are, the oldest first."""
        current = self.promoted
        rows = self.store.database.rows(
            "SELECT number, created FROM versions WHERE model = ? ORDER BY number", self.model
        )
        return [
            {"number": number, "created": created, "promoted": number == current, **_told(self.record(number))}
            for number, created in rows
        ]

    def __iter__(self) -> Iterator[int]:
        rows = self.store.database.rows("SELECT number FROM versions WHERE model = ? ORDER BY number", self.model)
        return iter([int(number) for (number,) in rows])

    def __len__(self) -> int:
        return len(list(iter(self)))

    def __contains__(self, number: object) -> bool:
        return number in list(iter(self))  # without reading its network

    def __getitem__(self, number: int) -> Server:
        """Raises `KeyError` where there is none such, and `RefusalError` where its file was changed."""
        with self._turn:
            if number not in self._loaded:
                self._loaded[number] = self._load(number)
            self._loaded.move_to_end(number)
            while len(self._loaded) > LOADED:
                self._loaded.popitem(last=False)
            return self._loaded[number]

    def _load(self, number: int) -> Server:
        rows = self.store.database.rows(
            "SELECT sha256 FROM versions WHERE model = ? AND number = ?", self.model, number
        )
        if not rows:
            raise KeyError(number)
        path = self.folder(number) / SEGMENTER
        if not path.is_file() or sha256(path) != rows[0][0]:
            raise RefusalError(503, f"The file of version {number} is gone or was changed; tell the server's operator.")
        server = load_server(path)
        place(server.network)
        return server


def _against(record: Mapping[str, Any], promoted: int) -> str:
    """Why a version may not take the place of the one that is `promoted`; empty where it may."""
    if record["number"] == promoted:
        return ""
    if "check" not in record:
        return "nothing compared it with the one that is"
    if record["base"] != promoted:
        return f"it was compared with version {record['base']}, and version {promoted} is promoted now"
    return str(record["check"]["why"])


def _told(record: Mapping[str, Any]) -> dict[str, Any]:
    check = record.get("check", {})
    names = ("holds", "why", "scans", "dice", "difference", "low", "high", "worst", "too_few_scans_of")
    said = {name: check.get(name) for name in names}
    return {"base": record["base"], "contributions": record.get("contributions", 0), "check": said if check else None}
