"""What a pickle declares of its tensors, held against the bytes that the file really has."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

from remnant.base.errors import RemnantError
from remnant.targets.files.allowed import CALLED
from remnant.targets.files.pickled import PLAIN_KEYS, Called, Import, Persistent, walk

BYTES = {
    **dict.fromkeys(("Bool", "Byte", "Char", "QInt8", "QUInt8", "QUInt4x2", "QUInt2x4", "Untyped"), 1),
    **dict.fromkeys(("Half", "BFloat16", "Short"), 2),
    **dict.fromkeys(("Float", "Int", "QInt32"), 4),
    **dict.fromkeys(("Double", "Long", "ComplexFloat"), 8),
    "ComplexDouble": 16,
}
RANK = 64
# A tied weight is two tensors of one storage; thousands of tensors of one storage are there to waste time.
SHARED = 8


def check_declared(path: Path, value: Any, stored: Callable[[str], int | None]) -> dict[str, int]:
    """The bytes of each storage that the tensors of `value` lie in, by its key.

    Raises `RemnantError` unless each tensor lies within its storage, and each storage within the file.
    `stored(key)` is how many bytes the file holds of the storage `key`, None for one that it does not hold.
    """
    sizes: dict[str, int] = {}
    total = 0
    for part, _ in walk(value):
        if isinstance(part, Persistent):
            key, size = _storage(path, part)
            held = stored(key)
            if held is None:
                raise RemnantError(
                    f"{path} lacks the bytes of a tensor that it names ({key}); copy or download it again."
                )
            if size > held:
                raise RemnantError(
                    f"{path} declares {size:,} bytes for a tensor of which it holds {held:,}; "
                    "it is damaged or made to exhaust memory: copy or download it again."
                )
            sizes[key] = size
        elif isinstance(part, Called):
            total += _call(path, part)
    if total > SHARED * sum(sizes.values()) + 2**20:
        raise RemnantError(
            f"{path} declares tensors of {total:,} bytes, but stores {sum(sizes.values()):,}; it is made to exhaust memory."
        )
    return sizes


def _call(path: Path, call: Called) -> int:
    """Bytes of the tensor that `call` makes, 0 for other calls; raises `RemnantError` for a call that torch.save never writes."""
    name = call.function.name if isinstance(call.function, Import) else ""
    match name.rpartition(".")[2], call.arguments:
        case "_rebuild_parameter", (Called(function=Import(name=inner)), *_) if "_rebuild_" in inner:
            return 0
        case (("_rebuild_tensor" | "_rebuild_tensor_v2" | "_rebuild_qtensor"), _):
            return _tensor(path, call)
        case (("OrderedDict" | "Counter" | "set"), ()):
            return 0
        case "Counter", (dict(),):
            return 0
        # Hashing nested tuples takes time exponential in their depth.
        case "set", (list(items),) if _plain(items):
            return 0
        case "OrderedDict", (list(pairs),) if all(
            isinstance(pair, (list, tuple)) and _plain(pair[:1]) for pair in pairs
        ):
            return 0
        case "encode", (str(), "latin1"):
            return 0
        case (("device" | "_get_layout" | "complex" | "Size"), tuple()) if name in CALLED:
            return 0
    raise RemnantError(
        f"{path} asks for a call that torch.save never writes ({ascii(name[:80])[1:-1] or 'of no name'}); "
        "nothing was executed: ask for the weights alone, as safetensors or as a state_dict."
    )


def _plain(values: Any) -> bool:
    return all(isinstance(value, PLAIN_KEYS) for value in values)


def _storage(path: Path, part: Persistent) -> tuple[str, int]:
    match part.words:
        case ("storage", Import(name=name), key, str(), int(count), *_) if count >= 0:
            kind = name.rpartition(".")[2].removesuffix("Storage")
            if kind in BYTES:
                return str(key), count * BYTES[kind]
    raise RemnantError(f"{path} describes a storage in a way that torch.save never does; copy or download it again.")


def _tensor(path: Path, call: Called) -> int:
    """Bytes that a rebuilt tensor claims."""
    match call.arguments:
        case (Persistent() as storage, int(offset), tuple(size), *_):
            _, held = _storage(path, storage)
            if len(size) <= RANK and all(type(side) is int and side >= 0 for side in size) and offset >= 0:
                width = held // max(1, storage.words[4])
                claimed = math.prod(size) * width
                if claimed <= held:
                    return claimed
            shape = ", ".join(str(side)[:24] for side in size[:8])
            raise RemnantError(
                f"{path} declares a tensor of shape ({shape}), which is more than the {held:,} bytes that it stores; "
                "it is damaged or made to exhaust memory."
            )
    raise RemnantError(f"{path} describes a tensor in a way that torch.save never does; copy or download it again.")
