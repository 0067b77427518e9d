"""Records of arrays that a study's cells leave each other in RUN/private: written atomically, read without running anything."""

import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from remnant.base.errors import RemnantError
from remnant.base.files import atomic_path
from remnant.report.private import private_folder


def store(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write `arrays` as RUN/private/<folder>/<name>.npz, in a folder for nobody but its owner."""
    private_folder(path.parents[2], path.parent.name)
    with atomic_path(path) as temporary:
        np.savez(temporary, **arrays)


@contextmanager
def opened(path: Path) -> Iterator[np.lib.npyio.NpzFile]:
    """What `store` wrote; raises `RemnantError` for a file that is missing or damaged, or lacks an array that is asked for."""
    try:
        with np.load(path, allow_pickle=False) as kept:
            yield kept
    except FileNotFoundError:
        raise RemnantError(f"{path} is missing; start the audit again with another --out.") from None
    except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise RemnantError(f"{path} is damaged ({error}); start the audit again with another --out.") from None


def as_array(value: object) -> np.ndarray:
    """A field of a record as an array: of an empty tuple of texts NumPy would make numbers."""
    return np.array(value, dtype=str) if isinstance(value, tuple) else np.asarray(value)


def as_field(array: np.ndarray) -> object:
    """The way back: a list of texts as a tuple, what is no list as a plain value."""
    if array.ndim == 0:
        return array.item()
    return tuple(array.tolist()) if array.dtype.kind == "U" and array.ndim == 1 else array
