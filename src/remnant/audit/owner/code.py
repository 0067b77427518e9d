"""What a training is written in: the owner's files, by which one recipe is told from another."""

import hashlib
import os
import sys
import sysconfig
from functools import cache
from pathlib import Path

DEEP = ("*.py", "*/*.py", "*/*/*.py")  # of a folder


def digest_of_code(folder: Path, settings: object) -> str:
    """SHA-256 of every Python file in the folder, two folders down, of what was imported from elsewhere but libraries, and of the
    `settings` by which the network is built."""
    digest = hashlib.sha256(repr(settings).encode())
    imported = (getattr(module, "__file__", None) for module in list(sys.modules.values()))
    found = {path.resolve() for pattern in DEEP for path in folder.glob(pattern)}
    found |= {path for name in imported if name and (path := _owners(name))}
    for path in sorted(found):
        # Not by its name: the same files in another folder are the same recipe.
        if path.is_file():
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


@cache
def _owners(name: str) -> Path | None:
    """Where the file of an imported module lies, None of a library's or of what is not Python's. Libraries have thousands."""
    path = Path(name).resolve()
    return path if path.suffix == ".py" and not str(path).startswith(_libraries()) else None


@cache
def _libraries() -> tuple[str, ...]:
    """Folders of Python's, of packages that were installed, and of this one, each with a separator at its end."""
    folders = {Path(path).resolve() for path in sysconfig.get_paths().values()} | {Path(__file__).resolve().parents[2]}
    return tuple(f"{folder}{os.sep}" for folder in folders)
