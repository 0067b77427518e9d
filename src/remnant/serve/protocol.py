"""Tensors on the wire: the Open Inference Protocol (V2) over HTTP, with its extension for binary tensors.

A body in binary form is a JSON header, whose length an HTTP header tells, and behind it the tensors' bytes, little-endian and
in C order. In plain form it is JSON alone. Both sides read and write it here; nothing of either form is ever executed.

<https://github.com/kserve/open-inference-protocol>, `specification/protocol/inference_rest.md`; the extension is Triton's
`protocol/extension_binary_data.md`.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, NoReturn, TypeVar

import numpy as np
import pydantic

from remnant.base.config import first_problem
from remnant.base.errors import RemnantError
from remnant.base.texts import short

# The HTTP header that tells how many bytes of a body are its JSON header.
HEADER_LENGTH = "Inference-Header-Content-Length"
BINARY, PLAIN = "application/octet-stream", "application/json"
HEADER_MOST = 2**16  # bytes of a JSON header
PADDED_TO = 512  # bytes: a JSON header's length is a multiple, and tells nothing of the texts in it
TYPES = {"FP16": np.dtype("<f2"), "FP32": np.dtype("<f4"), "UINT8": np.dtype("|u1")}
CODE, MAPS, LABELS = "code", "maps", "labels"  # names of tensors

Value = bool | int | float | str


@dataclass(frozen=True)
class Tensor:
    """`array` of float16, float32 or uint8, all of it finite, by its `name`."""

    name: str
    array: np.ndarray


@dataclass(frozen=True)
class Request:
    """`tensors` for a model. `wanted`: the outputs by name, and whether each shall come in binary form; empty for all of them,
    binary where `binary` says so.
    """

    tensors: tuple[Tensor, ...]
    id: str | None = None
    parameters: Mapping[str, Value] = field(default_factory=dict)
    wanted: Mapping[str, bool] = field(default_factory=dict)
    binary: bool = False


@dataclass(frozen=True)
class Answer:
    """What version `version` of the model `model` made of a request, whose `id` it repeats."""

    tensors: tuple[Tensor, ...]
    model: str
    version: int
    id: str | None = None
    parameters: Mapping[str, Value] = field(default_factory=dict)


Message = TypeVar("Message", Request, Answer)


@dataclass(frozen=True)
class Packed:
    """The `body` of a message. `header`: bytes of it that are the JSON header, None in plain form."""

    body: bytes
    header: int | None

    @property
    def headers(self) -> dict[str, str]:
        """The HTTP headers that tell how to read the body."""
        if self.header is None:
            return {"Content-Type": PLAIN}
        return {"Content-Type": BINARY, HEADER_LENGTH: str(self.header)}


class _Frozen(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(frozen=True, strict=True, protected_namespaces=())


Side = Annotated[int, pydantic.Field(ge=1, lt=2**31)]
Name = Annotated[str, pydantic.Field(min_length=1, max_length=128)]


class _Tensor(_Frozen):
    name: Name
    datatype: str
    shape: list[Side] = pydantic.Field(min_length=1, max_length=8)
    parameters: dict[str, Any] | None = None
    data: Any = None


class _Wanted(_Frozen):
    name: Name
    parameters: dict[str, Any] | None = None


class _Request(_Frozen):
    id: Name | None = None
    parameters: dict[str, Value] | None = None
    inputs: list[_Tensor] = pydantic.Field(min_length=1, max_length=8)
    outputs: list[_Wanted] | None = pydantic.Field(default=None, max_length=8)


class _Answer(_Frozen):
    id: Name | None = None
    # Other servers say more of an answer than we read.
    parameters: dict[str, Any] | None = None
    model_name: Name
    model_version: str | None = None
    outputs: list[_Tensor] = pydantic.Field(min_length=1, max_length=8)


def packed(message: Request | Answer, *, binary: bool = True) -> Packed:
    """The body of a message; in binary form its JSON header is padded to a multiple of `PADDED_TO` bytes."""
    tensors, parts = [], []
    for tensor in message.tensors:
        datatype = _datatype(tensor.array.dtype)
        told = {"name": tensor.name, "datatype": datatype, "shape": list(tensor.array.shape)}
        if binary:
            parts.append(tensor.array.astype(TYPES[datatype], copy=False).tobytes())
            told["parameters"] = {"binary_data_size": len(parts[-1])}
        else:
            told["data"] = tensor.array.ravel().tolist()
        tensors.append(told)
    value: dict[str, Any] = {} if message.id is None else {"id": message.id}
    parameters = dict(message.parameters)
    if isinstance(message, Answer):
        value |= {"model_name": message.model, "model_version": str(message.version), "outputs": tensors}
    else:
        value["inputs"] = tensors
        if message.wanted:
            value["outputs"] = [
                {"name": name, "parameters": {"binary_data": form}} for name, form in message.wanted.items()
            ]
        elif message.binary:
            parameters["binary_data_output"] = True
    value["parameters"] = parameters
    if not binary:
        return Packed(_json(value), None)
    parameters["padding"] = ""
    parameters["padding"] = "0" * (-len(_json(value)) % PADDED_TO)
    header = _json(value)
    return Packed(b"".join([header, *parts]), len(header))


def unpacked(kind: type[Message], body: bytes | bytearray, header: str | None) -> Message:
    """The message in a `body`; `header`: what the HTTP header `HEADER_LENGTH` says, None where there is none.

    The tensors of a binary body are views of it, read only. Raises `RemnantError` for a body of another form, for tensors that
    are cut off, of another type than `TYPES` has or not finite, and for bytes behind the last tensor.
    """
    length = len(body) if header is None else _length(header, len(body))
    value = _read(kind, memoryview(body)[:length])
    rest = memoryview(body)[length:].toreadonly()
    told = value.inputs if isinstance(value, _Request) else value.outputs
    tensors = []
    for one in told:
        array, used = _array(one, rest)
        rest = rest[used:]
        tensors.append(Tensor(one.name, array))
    if len(rest):
        _bad(f"has {len(rest)} bytes behind its last tensor")
    if len({tensor.name for tensor in tensors}) < len(tensors):
        _bad("names a tensor twice")
    parameters = dict(value.parameters or {})
    parameters.pop("padding", None)
    if isinstance(value, _Answer):
        version = value.model_version or "1"  # which is its only one
        if not (version.isascii() and version.isdigit() and len(version) < 10):
            _bad("has a model_version that is no number")
        return Answer(tuple(tensors), value.model_name, int(version), value.id, parameters)
    all_binary = parameters.pop("binary_data_output", False) is True
    wanted = {one.name: (one.parameters or {}).get("binary_data", all_binary) is True for one in value.outputs or ()}
    return Request(tuple(tensors), value.id, parameters, wanted, all_binary)


class Signature(_Frozen):
    """A tensor that a model takes or gives; a side of -1 may have any length."""

    name: str
    datatype: Literal["FP16", "FP32", "UINT8"]
    shape: list[int]


class Metadata(_Frozen):
    """What a model says of itself. `parameters`: `mark`, of the encoder that the segmenter was trained with, and `classes`,
    the JSON list of their names; servers of others tell neither.
    """

    name: str
    versions: list[str] | None = None
    platform: str
    inputs: list[Signature]
    outputs: list[Signature]
    parameters: dict[str, str] = {}

    @classmethod
    def read(cls, body: bytes) -> "Metadata":
        """What a server answered; raises `RemnantError` for another answer."""
        return _validated(cls, _parsed(memoryview(body)))

    @property
    def mark(self) -> str:
        """The mark of the encoder that the segmenter was trained with; empty where the server does not say."""
        return self.parameters.get("mark", "")

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes, in the order of the maps; none where the server does not say."""
        names = _parsed(memoryview(self.parameters.get("classes", "[]").encode()))
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            _bad("has classes that are no list of names")
        return tuple(names)


def _array(told: _Tensor, rest: memoryview) -> tuple[np.ndarray, int]:
    """A tensor's array, and how many bytes of `rest` it took."""
    if told.datatype not in TYPES:
        _bad(f"has the tensor {short(told.name)!r} of {short(told.datatype)!r}; it must be of {', '.join(TYPES)}")
    dtype, count = TYPES[told.datatype], math.prod(told.shape)
    size = (told.parameters or {}).get("binary_data_size")
    if size is None:
        array = _of_numbers(told, dtype)
        used = 0
    else:
        used = count * dtype.itemsize
        if type(size) is not int or size != used or len(rest) < used:
            _bad(f"has the tensor {short(told.name)!r} of {told.shape}, {used} bytes, of which {len(rest)} came")
        array = np.frombuffer(rest[:used], dtype)
    if dtype.kind == "f" and not np.isfinite(array).all():
        _bad(f"has NaN or infinity in the tensor {short(told.name)!r}")
    if array.size != count:
        _bad(f"has the tensor {short(told.name)!r} of {told.shape} with {array.size} numbers")
    return array.reshape(told.shape), used


def _of_numbers(told: _Tensor, dtype: np.dtype) -> np.ndarray:
    """The numbers of plain JSON, flat or nested, as the tensor's type."""
    try:
        found = np.array(told.data)
    except (ValueError, OverflowError):  # ragged lists
        found = np.array(None)
    fits = found.dtype.kind in ("iu" if dtype.kind == "u" else "iuf")
    if not fits or (dtype.kind == "u" and found.size and not 0 <= found.min() <= found.max() <= 255):
        _bad(f"has no {told.datatype} numbers in the tensor {short(told.name)!r}")
    with np.errstate(over="ignore"):  # becomes infinity, which is refused
        return found.astype(dtype)


def _length(header: str, most: int) -> int:
    if not (header.isascii() and header.isdigit()) or len(header) > 9 or int(header) > min(most, HEADER_MOST):
        _bad(f"has the {HEADER_LENGTH} {short(header)!r}; it must be at most {HEADER_MOST} and no more than the body")
    return int(header)


def _read(kind: type[Request] | type[Answer], text: memoryview) -> _Request | _Answer:
    return _validated(_Request if kind is Request else _Answer, _parsed(text))


def _parsed(text: memoryview) -> Any:
    try:
        return json.loads(bytes(text), parse_constant=lambda name: _bad(f"holds {name}"))
    except (ValueError, RecursionError):  # not UTF-8, no JSON, thousands of digits or of brackets
        _bad("is not JSON where it should be")


Model = TypeVar("Model", bound=pydantic.BaseModel)


def _validated(model: type[Model], value: Any) -> Model:
    try:
        return model.model_validate(value)
    except pydantic.ValidationError as error:
        raise RemnantError(f"The body does not fit the protocol: {short(first_problem(error, model), 300)}") from None


def _datatype(dtype: np.dtype) -> str:
    return next(name for name, known in TYPES.items() if known == dtype.newbyteorder("<"))


def _json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":"), allow_nan=False).encode()


def _bad(what: str) -> NoReturn:
    raise RemnantError(f"The body {what}; send it as the Open Inference Protocol has it.")
