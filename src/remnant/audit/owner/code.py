"""What a training is written in: the owner's files, by which one recipe is told from another."""

import hashlib
import sys
import sysconfig
from pathlib import Path

DEEP = ("*.py", "*/*.py", "*/*/*.py")  # of a folder


def digest_of_code(folder: Path, settings: object) -> str:
    """SHA-256 of every Python file in the folder, two folders down, of what was imported from elsewhere but libraries, and of the
    `settings` by which the network is built."""
    digest = hashlib.sha256(repr(settings).encode())
    libraries = [Path(path).resolve() for path in sysconfig.get_paths().values()] + [
        Path(__file__).resolve().parents[2]
    ]
    imported = (getattr(module, "__file__", None) for module in list(sys.modules.values()))
    found = {path.resolve() for pattern in DEEP for path in folder.glob(pattern)}
    found |= {
        path
        for name in imported
        if name
        and (path := Path(name).resolve()).suffix == ".py"
        and not any(path.is_relative_to(one) for one in libraries)
    }
    for path in sorted(found):
        # Not by its name: the same files in another folder are the same recipe.
        if path.is_file():
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()
