"""The cache of prepared scans: arrays by the hash of everything that went into them.

The files hold patients' images: the directory is private to the user, and whoever uses it records the files' names so
that they can be removed.
"""

import hashlib
import os
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from remnant.base.files import atomic_path

# Raise when the preparation gives other results than before.
VERSION = 1


def default_cache() -> Path:
    """`$XDG_CACHE_HOME/remnant`, or `~/.cache/remnant`."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "remnant"


def open_cache(directory: Path | None) -> Path:
    """The cache directory (by default the user's), made private to the user."""
    directory = directory or default_cache()
    directory.mkdir(parents=True, exist_ok=True)
    directory.chmod(0o700)
    return directory


def key_of(*parts: object) -> str:
    """A name for everything in `parts`: files by their content, arrays by their values, the rest by its text."""
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


def stored(file: Path, make: Callable[[], dict[str, np.ndarray]], *names: str) -> dict[str, np.ndarray]:
    """The arrays `names` (all of them without) of `file`; where it is missing or damaged, what `make` returns, stored first.

    A file is stored whole or not at all; the checksums of its members show damage.
    """
    try:
        with np.load(file, allow_pickle=False) as archive:
            return {name: archive[name] for name in names or archive.files}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        arrays = make()
    with atomic_path(file) as temporary, temporary.open("wb") as target:
        np.savez(target, **arrays)
    return {name: arrays[name] for name in names or arrays}
