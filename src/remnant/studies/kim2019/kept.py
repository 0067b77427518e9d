"""Where the study's records lie: patient data, in RUN/private, a file each."""

from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import TypeVar

import numpy as np

from remnant.base.run import Run
from remnant.studies.arrays import as_array, as_field, opened, store
from remnant.studies.kim2019.records import (
    Fitted,
    Identity,
    Inversion,
    Overlap,
    People,
    Scans,
    Scores,
    Segmented,
    Timed,
    Transferred,
    Views,
)

Record = TypeVar("Record")


def keep(run: Run, record: object) -> None:
    """Keep a record as private/<folder>/<its names in `NAMED`, joined by dots>.npz, atomically."""
    arrays = {}
    for field in fields(record):  # type: ignore[arg-type]
        value = getattr(record, field.name)
        if isinstance(value, dict):
            arrays |= {
                f"{field.name}/{name}/{inner.name}": as_array(getattr(part, inner.name))
                for name, part in value.items()
                for inner in fields(part)
            }
        else:
            arrays[field.name] = as_array(value)
    store(record_file(run, type(record), *(getattr(record, name) for name in NAMED[type(record)])), arrays)


def kept(run: Run, kind: type[Record], *name: str) -> Record:
    """The record of this kind that `keep` kept, by its names; raises `RemnantError` where it is missing or damaged."""
    with opened(record_file(run, kind, *name)) as arrays:
        values = {}
        for field in fields(kind):  # type: ignore[arg-type]
            if field.name in arrays:
                values[field.name] = as_field(arrays[field.name])
            else:
                values[field.name] = _parts(arrays, field.name, PARTS[kind])
        return kind(**values)


def record_file(run: Run, kind: type, *name: str) -> Path:
    """Where a record lies."""
    return run.private / FOLDERS[kind] / f"{'.'.join(name)}.npz"


def all_kept(run: Run, kind: type[Record]) -> list[Record]:
    """Every record of this kind, by the names of their files."""
    files = sorted((run.private / FOLDERS[kind]).glob("*.npz"))
    return [kept(run, kind, path.stem) for path in files]


def _parts(arrays: np.lib.npyio.NpzFile, field: str, part: Callable[..., object]) -> dict[str, object]:
    found: dict[str, dict[str, object]] = {}
    for key in arrays.files:
        if key.startswith(f"{field}/"):
            _, name, inner = key.split("/")
            found.setdefault(name, {})[inner] = as_field(arrays[key])
    return {name: part(**values) for name, values in found.items()}


NAMED: dict[type, tuple[str, ...]] = {
    Scans: ("name",),
    Views: ("variant",),
    Identity: ("variant", "view", "kind"),
    Inversion: ("variant", "view"),
    Segmented: ("variant",),
    Fitted: ("variant",),
    Timed: ("variant",),
    Transferred: ("variant",),
    People: ("variant", "view"),
}
FOLDERS: dict[type, str] = {
    Scans: "scans",
    Views: "views",
    Identity: "identity",
    Inversion: "inversion",
    Segmented: "segmented",
    Fitted: "fitted",
    Timed: "timed",
    Transferred: "transferred",
    People: "people",
}
PARTS: dict[type, Callable[..., object]] = {Identity: Scores, Segmented: Overlap, Transferred: Overlap}
