"""Files of torch.save before PyTorch 1.6: five pickles, one behind the other, then the storages' bytes."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO

from remnant.base.errors import RemnantError
from remnant.targets.files.allowed import named, refused_names, unreadable
from remnant.targets.files.built import build
from remnant.targets.files.pickled import BadPickleError, Import, Persistent, Pickled, walk
from remnant.targets.files.stored import STORAGES, Storages

MAGIC = 0x1950A86A20F9469CFC6C
PROTOCOL = b"\x80"  # begins every pickle that torch.save ever wrote, but a text may look like an older one
LENGTH = 8  # bytes before a storage that say how many elements it has
HEAD = 3  # magic number, version, system; then the object, then the keys of its storages


def read_legacy(path: Path) -> tuple[Any, tuple[str, ...]]:
    """What the file `path` of torch.save holds, its tensors mapped from the file, and the names that its pickles import.

    Nothing of the file is run. Raises `RemnantError` unless the pickles in it are those of torch.save, and where they ask for
    more than the file holds.
    """
    values: list[Any] = []
    imports: dict[str, None] = {}
    with path.open("rb") as file:
        try:
            for _ in range(HEAD + 2):
                pickled = Pickled()
                try:
                    values.append(pickled.read(file))
                finally:
                    imports |= pickled.imports
                if values[0] != MAGIC:
                    raise _foreign(path, imports)
        except BadPickleError as error:
            file.seek(0)
            if file.read(1) != PROTOCOL and not refused_names(imports):
                raise RemnantError(
                    f"{path} is no checkpoint that Remnant knows; give a PyTorch or safetensors checkpoint."
                ) from None
            raise unreadable(path, error, imports) from None
        system, value, keys = values[HEAD - 1 :]
        if isinstance(system, dict) and system.get("little_endian") is False:
            raise RemnantError(f"{path} was written on a big-endian machine; save it anew on a common one.")
        places = _places(path, file, value, keys if isinstance(keys, list) else [])
    try:
        return build(value, Storages(path, places)), tuple(imports)
    except BadPickleError as error:
        raise unreadable(path, error, imports) from None


def _foreign(path: Path, imports: Iterable[str]) -> RemnantError:
    names = refused_names(imports)
    if names:
        return RemnantError(
            f"{path} is a pickle that would run code if it were loaded ({named(names)}), and torch.save did not write it; "
            "nothing was executed: ask for the weights alone, as safetensors or as a state_dict."
        )
    return RemnantError(f"{path} is a pickle that torch.save did not write; save the state_dict with torch.save.")


def _places(path: Path, file: BinaryIO, value: Any, keys: list[Any]) -> dict[str, tuple[int, int]]:
    """Where the storages lie, one behind the other in the order of their `keys`."""
    widths = {}
    for part, _ in walk(value):
        match part:
            case Persistent(words=("storage", Import(name=name), key, *_)):
                kind = STORAGES.get(name.rpartition(".")[2].removesuffix("Storage"))
                widths[str(key) if isinstance(key, (str, int)) else ""] = kind.itemsize if kind else 1
    places, at, end = {}, file.tell(), path.stat().st_size
    for key in keys:
        name = key if isinstance(key, str) else ""
        file.seek(at)
        size = int.from_bytes(file.read(LENGTH), "little") * widths.get(name, 1)
        at += LENGTH + size
        # What was in memory would be taken for weights.
        if at > end:
            raise RemnantError(f"{path} is cut off: {at:,} bytes are announced, {end:,} are there; copy it again.")
        places[name] = (at - size, size)
    return places
