"""A cache of prepared images on disk: what in it is surely Remnant's own, and so may be removed."""

import fcntl
import os
import re
from pathlib import Path

from remnant.base.errors import RemnantError
from remnant.base.files import write_text

TAG = ".remnant-cache"
_NAME = re.compile(r"[a-z]+-[0-9a-f]{32}\.npz")


def private_cache(directory: Path) -> Path:
    """`directory` as a cache that nobody else may list, tagged: the hash of a scan in a file's name says that it took part.

    A new directory is made with mode 0700. One that others may enter is left as it is, and the cache is the folder `remnant` in
    it. Raises `RemnantError` where that folder, too, is open to others.
    """
    directory = Path(directory)
    for cache in (directory, directory / "remnant"):
        cache.mkdir(parents=True, exist_ok=True, mode=0o700)
        status = cache.stat()
        if status.st_uid == os.getuid() and not status.st_mode & 0o077:
            if not (cache / TAG).exists():
                write_text(cache / TAG, "Prepared scans of patients; `remnant purge RUN` removes those of a run.\n")
            return cache
    raise RemnantError(f"Others may enter {cache}; close it to them (chmod 700) or choose another --cache.")


def is_ours(path: Path) -> bool:
    """Whether `path` is a file that Remnant named, not a link, and lies directly in a tagged cache."""
    return bool(_NAME.fullmatch(path.name)) and _is_file(path) and _is_file(path.with_name(TAG))


def unfinished(cache: Path) -> list[Path]:
    """What killed processes left half-written in a tagged cache: `atomic_path` holds a lock on what is being written."""
    found = cache.glob(".tmp-*.npz") if _is_file(cache / TAG) else ()
    return [path for path in found if _is_file(path) and not _held(path)]


def _is_file(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()


def _held(path: Path) -> bool:
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return True
    return False
