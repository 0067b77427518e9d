"""Where the study's records lie: patient data, in RUN/private, a file each."""

from pathlib import Path
from typing import TypeVar

from remnant.base import store
from remnant.base.run import Run
from remnant.cohort.scans import Scans
from remnant.studies.kim2019.records import Fitted, Identity, Inversion, People, Segmented, Timed, Transferred, Views

Record = TypeVar("Record")


def keep(run: Run, record: object) -> None:
    """Keep a record as private/<folder>/<its names in `NAMED`, joined by dots>.npz, atomically."""
    names = (getattr(record, name) for name in NAMED[type(record)])
    store.keep(record_file(run, type(record), *names), record)


def kept(run: Run, kind: type[Record], *name: str) -> Record:
    """The record of this kind that `keep` kept, by its names; raises `RemnantError` where it is missing or damaged."""
    return store.kept(record_file(run, kind, *name), kind)


def record_file(run: Run, kind: type, *name: str) -> Path:
    """Where a record lies."""
    return run.private / FOLDERS[kind] / f"{'.'.join(name)}.npz"


def all_kept(run: Run, kind: type[Record]) -> list[Record]:
    """Every record of this kind, by the names of their files."""
    files = sorted((run.private / FOLDERS[kind]).glob("*.npz"))
    return [kept(run, kind, path.stem) for path in files]


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
