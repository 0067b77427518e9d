"""Records of a run: dataclasses of arrays, in RUN/private, a file each; written atomically, read without running anything."""

import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import MISSING, Field, fields, is_dataclass
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import numpy as np

from remnant.base.errors import RemnantError
from remnant.base.files import atomic_path

Record = TypeVar("Record")
# Between the names of a field, of a part and of the part's field.
SLASH = "/"
# Between the words of a key that has several.
COMMA = ","


def private_folder(run: Path, name: str) -> Path:
    """RUN/private/<name>, made if need be, for nobody but its owner."""
    folder = Path(run) / "private"
    for path in (folder, folder / name):
        path.mkdir(mode=0o700, exist_ok=True)
    return folder / name


def keep(path: Path, record: object) -> None:
    """Write a record as <folder>/<name>.npz, atomically, of a folder in RUN/private, which is for nobody but its owner.

    A record is a dataclass, or a mapping or sequence of such. Its fields are arrays, tensors, numbers, texts, tuples of numbers
    or of texts, None, and records in turn, in sequences or in mappings by text or by a tuple of texts.
    """
    for folder in reversed([one for one in (path.parent, *path.parent.parents) if not one.exists()]):
        folder.mkdir(mode=0o700, exist_ok=True)
    with atomic_path(path) as temporary:
        np.savez(temporary, **dict(_flat("", record)))


def kept(path: Path, kind: type[Record]) -> Record:
    """The record of this kind, a dataclass or such as `dict[str, Part]`, that `keep` kept.

    Raises `RemnantError` for a file that is missing or damaged.
    """
    with opened(path) as arrays:
        return _read(kind, arrays, "")


@contextmanager
def opened(path: Path) -> Iterator[np.lib.npyio.NpzFile]:
    """The arrays that `keep` wrote, each read when it is asked for, by the names of their fields joined by `SLASH`.

    Raises `RemnantError` for a file that is missing or damaged, or lacks an array that is asked for.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            yield arrays
    except FileNotFoundError:
        raise RemnantError(f"{path} is missing; start again with another --out.") from None
    except (OSError, KeyError, ValueError, IndexError, EOFError, zipfile.BadZipFile) as error:
        raise RemnantError(f"{path} is damaged ({error}); start again with another --out.") from None


def _flat(name: str, value: Any) -> Iterator[tuple[str, np.ndarray]]:
    if value is None:
        return
    inner = f"{name}{SLASH}" if name else ""
    if is_dataclass(value):
        for field in fields(value):
            yield from _flat(f"{inner}{field.name}", getattr(value, field.name))
    elif isinstance(value, Mapping):
        for key, part in value.items():
            yield from _flat(f"{inner}{key if isinstance(key, str) else COMMA.join(key)}", part)
    elif isinstance(value, Sequence) and not isinstance(value, str) and any(map(is_dataclass, value)):
        for place, part in enumerate(value):
            yield from _flat(f"{inner}{place}", part)
    elif isinstance(value, tuple) and all(isinstance(one, str) for one in value):
        # Of an empty tuple of texts NumPy would make numbers.
        yield name, np.array(value, dtype=str)
    else:
        yield name, np.asarray(value)


def _read(kind: Any, arrays: np.lib.npyio.NpzFile, name: str) -> Any:
    inner = f"{name}{SLASH}" if name else ""
    whole, *parts = get_origin(kind) or kind, *get_args(kind)
    if whole in (Union, UnionType):
        # Of several kinds the first: what it is kept as.
        kind = next(one for one in parts if one is not NoneType)
        return _read(kind, arrays, name) if _is_there(arrays, name) else None
    if is_dataclass(whole):
        hints = get_type_hints(whole)
        # What an earlier version did not know yet is as by default.
        known = {one.name for one in fields(whole) if _has_default(one) and not _is_there(arrays, f"{inner}{one.name}")}
        names = [one.name for one in fields(whole) if one.name not in known]
        return whole(**{name: _read(hints[name], arrays, f"{inner}{name}") for name in names})
    if whole is not tuple and parts and whole is not Literal and issubclass(whole, Mapping):
        keys = dict.fromkeys(key.removeprefix(inner).split(SLASH)[0] for key in arrays.files if key.startswith(inner))
        return {
            key if parts[0] is str else tuple(key.split(COMMA)): _read(parts[1], arrays, f"{inner}{key}")
            for key in keys
        }
    if parts and is_dataclass(parts[0]):
        places = sorted({int(key.removeprefix(inner).split(SLASH)[0]) for key in arrays.files if key.startswith(inner)})
        found = [_read(parts[0], arrays, f"{inner}{place}") for place in places]
        return found if whole is list else tuple(found)
    array = arrays[name]
    if whole is tuple:
        return tuple(array.tolist())
    if whole is np.ndarray:
        return array
    if whole.__module__ == "torch":
        import torch

        return torch.from_numpy(array)
    return array.item()


def _is_there(arrays: np.lib.npyio.NpzFile, name: str) -> bool:
    return any(key == name or key.startswith(f"{name}{SLASH}") for key in arrays.files)


def _has_default(field: Field) -> bool:
    return field.default is not MISSING or field.default_factory is not MISSING
