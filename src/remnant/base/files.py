"""Atomic files: a reader never sees half a file, whenever the writer is killed."""

import contextlib
import fcntl
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from remnant.base.errors import RemnantError


@contextlib.contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success it replaces `path`, on any error it is removed.

    The temporary name keeps the suffix of `path`, since libraries choose formats by it. While it is written it is locked, so
    that what a kill left can be told from what is at work.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    suffix = "".join(path.suffixes[-2:])
    handle, name = tempfile.mkstemp(prefix=".tmp-", suffix=suffix, dir=path.parent)
    temporary = Path(name)
    try:
        with contextlib.suppress(OSError):  # of a disk that knows no locks
            fcntl.flock(handle, fcntl.LOCK_SH)
        yield temporary
        # Durable before visible: a rename may reach the disk before the data does.
        with temporary.open("rb+") as written:
            os.fsync(written.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
        os.close(handle)


@contextlib.contextmanager
def fresh_folder(path: Path) -> Iterator[Path]:
    """Yield an empty folder beside `path`, mode 0700; on success it takes the place of `path` and of all that was in it.

    On any error it is removed, and `path` stays as it was.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=".tmp-", dir=path.parent))
    new, old = work / "new", work / "old"
    try:
        new.mkdir(mode=0o700)
        yield new
        if os.path.lexists(path):
            path.rename(old)
        new.rename(path)
    finally:
        shutil.rmtree(work)


def require_new(path: Path) -> None:
    """Raise `RemnantError` where `path` is taken, also by a link to nowhere: what stands there may be somebody's only copy."""
    if os.path.lexists(path):
        raise RemnantError(f"{path} exists already and would be overwritten; give another name, or move it away first.")


def require_file(path: Path, what: str) -> None:
    """Raise `RemnantError` unless `path`, in words `what` it is, is a file."""
    if not Path(path).is_file():
        problem = "is a folder; give a file of it" if Path(path).is_dir() else "does not exist; check the path"
        raise RemnantError(f"The {what} {path} {problem}.")


def require_directory(path: Path, what: str) -> None:
    """Raise `RemnantError` unless `path`, in words `what` it is, is a directory."""
    if not Path(path).is_dir():
        problem = (
            "is a file; give the folder that it is in" if Path(path).exists() else "does not exist; check the path"
        )
        raise RemnantError(f"The {what} {path} {problem}.")


def require_utf8(path: Path) -> None:
    """Raise `RemnantError` unless `path`, wherever its links lead, can be written into a report or a table."""
    try:
        str(Path(path).resolve()).encode()
    except UnicodeEncodeError:
        raise RemnantError(f"The name of {path} is not UTF-8, so that no report can hold it; rename it.") from None


def files_below(directory: Path) -> Iterator[Path]:
    """Every file below `directory`, in the order of names, also in folders that are linked to, each folder once."""
    seen: set[Path] = set()
    for folder, folders, names in os.walk(directory, followlinks=True):
        # A link to a folder above would never end.
        if (real := Path(folder).resolve()) in seen:
            folders.clear()
            continue
        seen.add(real)
        folders.sort()
        yield from (path for name in sorted(names) if (path := Path(folder, name)).is_file())


def write_text(path: Path, text: str) -> None:
    """Write `text` as UTF-8, atomically."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """Write `value` as indented JSON, atomically; NaN is refused, since JSON has none."""
    write_text(path, json.dumps(value, indent=1, allow_nan=False) + "\n")


def read_json(path: Path) -> Any:
    """Read JSON; raise `RemnantError` when the file is missing or not JSON."""
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise RemnantError(f"{path} does not exist; check the path.") from None
    except (ValueError, RecursionError) as error:  # not UTF-8, no JSON, thousands of digits or of brackets
        raise RemnantError(f"{path} is not valid JSON ({error}); remove it or make it again.") from None
