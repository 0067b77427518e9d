"""The values of a pickle, built without its help: tensors, containers, numbers and texts; any object as its attributes.

No class and no function of the file is ever looked up. What stands for an object is a dictionary of its state, which for a
pickled `torch.nn.Module` holds its parameters, its buffers and its modules.
"""

import datetime
import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from remnant.base.errors import RemnantError
from remnant.targets.files.arrays import Dtype, array, dtype_of, number
from remnant.targets.files.pickled import BadPickleError, Called, Import, Persistent
from remnant.targets.files.stored import DTYPES, Storages

BITS = 64  # of an integer that is kept as a number
DENSE = 2**28  # bytes that sparse tensors of a file may fill
MAPPINGS = {"collections.OrderedDict", "collections.defaultdict", "collections.Counter", "builtins.dict"}
LISTS = {"builtins.set", "builtins.frozenset", "builtins.list", "builtins.tuple", "collections.deque", "torch.Size"}
PATHS = {
    f"{module}.{kind}"
    for module in ("pathlib", "pathlib._local")
    for kind in (*("Path", "PosixPath", "WindowsPath", "PurePath", "PurePosixPath", "PureWindowsPath"),)
}


def build(value: Any, storages: Storages) -> Any:
    """What `Pickled.read` returned, with its tensors in `storages`.

    Raises `RemnantError` for tensors that the file does not hold, and `BadPickleError` for nesting beyond the interpreter's.
    """
    try:
        built = _Builder(storages).of(value)
    except RecursionError:
        raise BadPickleError("is nested too deeply") from None
    storages.check_total()
    return built


class _Builder:
    def __init__(self, storages: Storages) -> None:
        self.storages = storages
        self.memo: dict[int, Any] = {}
        self.dense = 0

    def of(self, part: Any) -> Any:
        if isinstance(part, int) and not isinstance(part, bool):
            return part if part.bit_length() <= BITS else f"an integer of {part.bit_length()} bits"
        if isinstance(part, Import):
            return part.name
        if isinstance(part, Persistent):
            return part.name or "a storage"
        if not isinstance(part, (dict, list, tuple, Called)):
            return part
        if id(part) not in self.memo:
            # In place before its contents are built: it may hold itself.
            made = self.memo[id(part)] = [] if isinstance(part, list) else {}
            if isinstance(part, dict):
                made.update(self.entries(part.items()))
            elif isinstance(part, list):
                made.extend(map(self.of, part))
            elif isinstance(part, tuple):
                self.memo[id(part)] = tuple(map(self.of, part))
            else:
                self.memo[id(part)] = self.called(part, made)
        return self.memo[id(part)]

    def entries(self, pairs: Any) -> dict[Any, Any]:
        return {self.key(key): self.of(value) for key, value in pairs}

    def key(self, key: Any) -> Any:
        if isinstance(key, Called):
            built = self.of(key)
            return built if isinstance(built, (str, int, float)) else f"{key.name} {len(self.memo)}"
        return self.of(key)

    def called(self, call: Called, made: dict[Any, Any]) -> Any:
        """What the call would return, or the state of the object that it would make, in `made`."""
        arguments = call.arguments if isinstance(call.arguments, tuple) else (call.arguments,)
        name = call.name
        if name in MAPPINGS:
            for argument in arguments:
                if isinstance(argument, dict):
                    made.update(self.entries(argument.items()))
                elif isinstance(argument, list) and all(
                    isinstance(one, (list, tuple)) and len(one) == 2 for one in argument
                ):
                    made.update(self.entries((_plain(key), value) for key, value in argument))
            made.update(self.entries(call.entries))
            return made
        if name in LISTS:
            listed = arguments[0] if arguments and isinstance(arguments[0], (list, tuple)) else ()
            return [self.of(one) for one in (*listed, *call.items)]
        known = _KNOWN.get(name)
        if known:
            return known(self, call, arguments)
        return self.object(call, arguments, made)

    def object(self, call: Called, arguments: tuple[Any, ...], made: dict[Any, Any]) -> Any:
        """Attributes by name, arguments and elements by number; the name of the class for an object without any."""
        made.update((str(index), self.of(one)) for index, one in enumerate((*arguments, *call.items)))
        made.update(self.entries(call.entries))
        for state in call.states:
            # With slots, a pair.
            for part in state if isinstance(state, tuple) else (state,):
                if isinstance(part, dict):
                    made.update(self.entries(part.items()))
                elif part is not None:
                    made[f"state {len(made)}"] = self.of(part)
        return made or call.name or "an object"

    def tensor(self, call: Called, arguments: tuple[Any, ...]) -> Tensor:
        match call.name.rpartition(".")[2], arguments:
            case "_rebuild_tensor_v3", (storage, offset, size, stride, _, _, Import(name=name), *_) if name in DTYPES:
                return self.storages.tensor(storage, offset, _sizes(size), stride, DTYPES[name])
            case (("_rebuild_tensor" | "_rebuild_tensor_v2" | "_rebuild_qtensor"), (storage, offset, size, stride, *_)):
                return self.storages.tensor(storage, offset, _sizes(size), stride)
        raise self.odd(call)

    def parameter(self, call: Called, arguments: tuple[Any, ...]) -> Tensor:
        built = self.of(arguments[0]) if arguments else None
        if not isinstance(built, Tensor):
            raise self.odd(call)
        return built

    def subclass(self, call: Called, arguments: tuple[Any, ...]) -> Any:
        """Of `torch.Tensor`: the tensor without what the class adds."""
        match arguments:
            case (Import() as function, _, tuple() as inner, *_) if function.name in _KNOWN:
                return self.of(Called(function, inner))
        return self.object(call, arguments, {})

    def sparse(self, call: Called, arguments: tuple[Any, ...]) -> Tensor:
        """As a dense tensor, if it is small."""
        parts = self.of(arguments[1]) if len(arguments) == 2 else None
        match parts:
            case (Tensor() as indices, Tensor() as values, (list() | tuple()) as size, *_) if all(
                type(side) is int and side >= 0 for side in size
            ):
                self.dense += math.prod(size) * values.dtype.itemsize
                if self.dense > DENSE:
                    raise RemnantError(
                        f"{self.storages.path} holds sparse tensors that take more than {DENSE:,} bytes; save them dense."
                    )
                try:
                    return torch.sparse_coo_tensor(indices, values, size, check_invariants=True).to_dense()
                except (RuntimeError, ValueError, TypeError):
                    raise self.odd(call) from None
        raise RemnantError(f"{self.storages.path} holds sparse tensors of a kind that is not read; save them dense.")

    def odd(self, call: Called) -> RemnantError:
        return RemnantError(
            f"{self.storages.path} asks for a call that torch.save never writes ({call.name or 'of no name'}); "
            "nothing was executed: ask for the weights alone, as safetensors or as a state_dict."
        )

    def encoded(self, call: Called, arguments: tuple[Any, ...]) -> Any:
        match arguments:
            case (str() as text, "latin1" | "latin-1"):
                return text.encode("latin-1", "replace")
        return self.object(call, arguments, {})

    def dtype(self, call: Called, arguments: tuple[Any, ...]) -> Any:
        states = [state for state in call.states if isinstance(state, tuple)]
        return dtype_of(arguments, states[0] if states else ()) or "numpy.dtype"

    def scalar(self, call: Called, arguments: tuple[Any, ...]) -> Any:
        kind, *rest = map(self.of, arguments)
        if isinstance(kind, Dtype) and rest:
            return number(kind, rest[0])
        return rest[0] if rest else "numpy.scalar"

    def array(self, call: Called, arguments: tuple[Any, ...]) -> Any:
        """A NumPy array of numbers as a tensor, of texts as a list."""
        states = [state for state in call.states if isinstance(state, tuple)]
        if states and len(states[0]) == 5:
            _, shape, kind, fortran, content = map(self.of, states[0])
        elif len(arguments) == 4:
            content, kind, shape, order = map(self.of, arguments)
            fortran = order == "F"
        else:
            return self.object(call, (), {})
        built = array(kind, shape, content, bool(fortran))
        if isinstance(built, Tensor):
            self.storages.count(0)
        return built


def _plain(key: Any) -> Any:
    """A key of a list of pairs, which the pickle's own check has not seen."""
    return key if isinstance(key, (str, int, float, bool, bytes, type(None))) else f"a {type(key).__name__}"


def _sizes(size: Any) -> Any:
    """A shape, also one that stands as torch.Size."""
    if isinstance(size, Called) and size.name == "torch.Size" and isinstance(size.arguments, tuple) and size.arguments:
        size = size.arguments[0]
    return tuple(size) if isinstance(size, list) else size


def _path(builder: _Builder, call: Called, arguments: tuple[Any, ...]) -> str:
    parts = [part for part in arguments if isinstance(part, str)]
    return "/".join(part.rstrip("/") if part != "/" else "" for part in parts) or "."


def _moment(builder: _Builder, call: Called, arguments: tuple[Any, ...]) -> Any:
    """A date, or date and time, of the ten or four bytes that Python pickles."""
    first = builder.of(arguments[0]) if arguments else b""
    content = first.encode("latin-1", "replace") if isinstance(first, str) else first
    if not isinstance(content, bytes) or len(content) not in (4, 10):
        return builder.object(call, arguments, {})
    try:
        return datetime.date(content[0] * 256 + content[1], content[2] & 127, content[3]).isoformat()
    except ValueError:
        return "a date out of range"


def _text(builder: _Builder, call: Called, arguments: tuple[Any, ...]) -> Any:
    return str(arguments[0]) if arguments and isinstance(arguments[0], str) else call.name


def _complex(builder: _Builder, call: Called, arguments: tuple[Any, ...]) -> Any:
    return (
        complex(*arguments) if all(isinstance(one, float) for one in arguments) and len(arguments) == 2 else call.name
    )


_Known = Callable[[_Builder, Called, tuple[Any, ...]], Any]
_KNOWN: dict[str, _Known] = {
    **dict.fromkeys(
        (f"torch._utils._rebuild_{kind}" for kind in ("tensor", "tensor_v2", "tensor_v3", "qtensor")), _Builder.tensor
    ),
    "torch._utils._rebuild_parameter": _Builder.parameter,
    "torch._utils._rebuild_parameter_with_state": _Builder.parameter,
    "torch._utils._rebuild_sparse_tensor": _Builder.sparse,
    "torch._tensor._rebuild_from_type_v2": _Builder.subclass,
    "_codecs.encode": _Builder.encoded,
    "numpy.dtype": _Builder.dtype,
    **{f"numpy.{core}.multiarray.scalar": _Builder.scalar for core in ("core", "_core")},
    **{f"numpy.{core}.multiarray._reconstruct": _Builder.array for core in ("core", "_core")},
    **{f"numpy.{core}.numeric._frombuffer": _Builder.array for core in ("core", "_core")},
    **dict.fromkeys(PATHS, _path),
    "datetime.datetime": _moment,
    "datetime.date": _moment,
    "torch.device": _text,
    "torch.serialization._get_layout": _text,
    "builtins.complex": _complex,
}
