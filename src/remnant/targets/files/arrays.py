"""NumPy's numbers and arrays, from the bytes that its pickles hold."""

import math
import re
from typing import Any

import numpy as np
import torch

# Numbers, texts and times of one element; no structures, whose text could ask for anything.
KIND = re.compile(r"[biufcSUMmOV]\d{0,4}(?:\[\w{1,3}\])?")
Dtype = np.dtype


def dtype_of(arguments: tuple[Any, ...], state: tuple[Any, ...]) -> np.dtype | None:
    """The type that `numpy.dtype(*arguments)` is once it has its `state`; None for one that is not read."""
    text = arguments[0] if arguments and isinstance(arguments[0], str) else ""
    if not KIND.fullmatch(text):
        return None
    order = state[1] if len(state) > 1 and state[1] in ("<", ">", "=", "|") else "="
    try:
        return np.dtype(text).newbyteorder(order)
    except (TypeError, ValueError):
        return None


def number(kind: np.dtype, content: Any) -> Any:
    """One number, text or time, plain."""
    if kind.hasobject or not isinstance(content, bytes) or len(content) != kind.itemsize or not content:
        return content if kind.hasobject else f"numpy {kind.name}"
    value = np.frombuffer(content, kind)[0]
    return value.item() if kind.kind in "biufc" else str(value)


def array(kind: Any, shape: Any, content: Any, fortran: bool) -> Any:
    """An array of numbers as a tensor, any other as a list of its elements; a few words for what is damaged."""
    if isinstance(content, list):
        return content
    if not (isinstance(kind, np.dtype) and isinstance(shape, (tuple, list)) and isinstance(content, bytes)):
        return "numpy.ndarray"
    if kind.hasobject or not kind.itemsize or not all(type(side) is int and side >= 0 for side in shape):
        return "numpy.ndarray"
    if math.prod(shape) * kind.itemsize != len(content) or len(shape) > 32:
        return "numpy.ndarray, damaged"
    read = np.frombuffer(content, kind).reshape(tuple(shape), order="F" if fortran else "C")
    if kind.kind not in "biufc":
        return [str(one) for one in read.ravel()]
    try:
        return torch.from_numpy(np.ascontiguousarray(read).astype(kind.newbyteorder("="), copy=True))
    except TypeError:
        # Numbers of 128 bits.
        return torch.from_numpy(read.astype(np.float64))
