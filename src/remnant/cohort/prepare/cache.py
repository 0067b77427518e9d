"""The cache of prepared scans: arrays by the hash of everything that went into them.

The files hold patients' images: the directory is private to the user, and whoever uses it records the files'
names so that they can be removed.
"""

import hashlib
import os
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from remnant.base.cachedir import private_cache
from remnant.base.errors import RemnantError
from remnant.base.files import atomic_path
from remnant.cohort.prepare.workers import Job, run_jobs

Announce = Callable[[list[Path]], None]

# Raise when the preparation gives other results than before.
VERSION = 1


def nobody(files: list[Path]) -> None:
    """The announcement of files that nobody asked for."""


def default_cache() -> Path:
    """`$XDG_CACHE_HOME/remnant`, or `~/.cache/remnant`; raise `RemnantError` where nobody has a home."""
    try:
        return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "remnant"
    except RuntimeError:
        raise RemnantError(
            "There is no home directory for the cache of prepared scans; set HOME or give --cache."
        ) from None


def open_cache(directory: Path | None) -> Path:
    """The cache directory (by default the user's), or where others may enter that, a folder in it; see `private_cache`."""
    return private_cache(directory or default_cache())


def key_of(*parts: object) -> str:
    """A name for all of `parts`: files by their content, arrays by their values, the rest by its text."""
    digest = hashlib.sha256(f"remnant preparation {VERSION}".encode())
    for part in parts:
        if isinstance(part, Path):
            with part.open("rb") as file:
                piece = hashlib.file_digest(file, "sha256").digest()
        elif isinstance(part, np.ndarray):
            piece = hashlib.sha256(np.ascontiguousarray(part).tobytes() + repr(part.shape).encode()).digest()
        else:
            piece = hashlib.sha256(repr(part).encode()).digest()
        digest.update(piece)
    return digest.hexdigest()[:32]


def load(file: Path, *names: str) -> dict[str, np.ndarray] | None:
    """The arrays `names` of `file`, or None where it is missing or damaged (its members carry checksums)."""
    try:
        with np.load(file, allow_pickle=False) as archive:
            return {name: archive[name] for name in names}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None


def store(file: Path, arrays: dict[str, np.ndarray]) -> None:
    """Store the arrays, whole or not at all."""
    with atomic_path(file) as temporary, temporary.open("wb") as target:
        np.savez(target, **arrays)


def load_or_run(
    files: Sequence[Path],
    names: tuple[str, ...],
    function: Callable[[Job], dict[str, np.ndarray]],
    jobs: Sequence[Job],
    *,
    workers: int,
    label: str,
    quiet: bool,
) -> list[dict[str, np.ndarray]]:
    """The arrays `names` of each file; what `function(job)` returns, and stores, where one is missing."""
    results = [load(file, *names) for file in files]
    missing = [i for i, result in enumerate(results) if result is None]
    if missing:
        made = run_jobs(function, [jobs[i] for i in missing], workers=workers, label=label, quiet=quiet)
        for i, result in zip(missing, made, strict=True):
            results[i] = result
    return results
