"""safetensors files: a JSON header, then the numbers."""

import json
from pathlib import Path

from safetensors import safe_open
from torch import Tensor

from remnant.base.errors import RemnantError
from remnant.base.texts import short
from remnant.targets.files.stored import MOST

HEADER_BYTES = 32 * 2**20


def read_safetensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors, mapped from the file, and the header's metadata.

    Raises `RemnantError` for a header that lies about its length, its offsets or its shapes, and for a file cut off.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        header = int.from_bytes(file.read(8), "little")
        if header > min(size - 8, HEADER_BYTES):
            raise RemnantError(
                f"{path} claims a safetensors header of {header:,} bytes, but has {size:,} in all (and none needs more than "
                f"{HEADER_BYTES:,}); copy or download it again."
            )
        names = _pairs(path, file.read(header))
    if len(names) > MOST:
        raise RemnantError(f"{path} holds more than {MOST:,} tensors, far more than a network of images has.")
    if len(names) != len(set(names)):
        raise RemnantError(f"{path} holds two tensors of one name; it is damaged: copy or download it again.")
    try:
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118
    except Exception as error:
        # What the library raises on a made-up file is not to be listed: types that PyTorch has not, no room to map it.
        words = short(error) or type(error).__name__
        raise RemnantError(
            f"{path} is not a whole safetensors file, or one that PyTorch cannot map ({words}); copy or download it again."
        ) from None


def _pairs(path: Path, header: bytes) -> list[str]:
    """The names of the header's entries, repeated ones too, which the library would silently drop."""
    top: list[str] = []

    def keep(pairs: list[tuple[str, object]]) -> dict[str, object]:
        top[:] = [name for name, _ in pairs]
        return dict(pairs)

    try:
        json.loads(header, object_pairs_hook=keep)
    except (ValueError, RecursionError) as error:
        raise RemnantError(f"{path} has a safetensors header that is no JSON ({error}); copy it again.") from None
    return top
