"""Tensors as their pickle describes them, mapped from the file: each within its storage, each storage within the file."""

import math
import mmap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from remnant.base.errors import RemnantError
from remnant.base.texts import short
from remnant.targets.files.pickled import Import, Persistent

# Kinds of storages; quantised numbers are read as the integers that they are.
STORAGES = {
    **{"Bool": torch.bool, "Byte": torch.uint8, "Char": torch.int8, "Short": torch.int16, "Int": torch.int32},
    **{"Half": torch.float16, "BFloat16": torch.bfloat16, "Float": torch.float32, "Double": torch.float64},
    **{"Long": torch.int64, "ComplexFloat": torch.complex64, "ComplexDouble": torch.complex128},
    **{
        "QInt8": torch.int8,
        "QUInt8": torch.uint8,
        "QUInt4x2": torch.uint8,
        "QUInt2x4": torch.uint8,
        "QInt32": torch.int32,
    },
    "Untyped": torch.uint8,
}
DTYPES = {f"torch.{name}": kind for name, kind in vars(torch).items() if isinstance(kind, torch.dtype)}
RANK = 64
# A tied weight is two tensors of one storage; thousands of tensors of one storage are there to waste time.
SHARED = 8
MOST = 10_000  # tensors of a network; the largest for images have some thousands
COPIES = 5  # of each tensor in a file: averages of the weights, an optimiser's moments


class Storages:
    """The storages of one file: `places` says where the bytes of each lie, as offset and length."""

    def __init__(self, path: Path, places: Mapping[str, tuple[int, int]]) -> None:
        self.path, self.places = path, places
        self.sizes: dict[str, int] = {}
        self.claimed = self.tensors = 0
        try:
            with path.open("rb") as file:
                # Copied where it is written to, so that the file stays as it is.
                self._bytes = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
        except (OSError, ValueError, MemoryError) as error:
            raise RemnantError(
                f"{path} cannot be mapped into memory ({short(error)}); allow this process more address space."
            ) from None

    def tensor(self, part: Any, offset: Any, size: Any, stride: Any, dtype: torch.dtype | None = None) -> Tensor:
        """The tensor in the storage `part`; of `dtype` where the storage has no type of its own.

        Raises `RemnantError` for a description that torch.save never writes, or that the bytes do not hold.
        """
        key, own, held = self._storage(part)
        dtype = dtype or own
        whole = [
            offset,
            *(size if isinstance(size, tuple) else [None]),
            *(stride if isinstance(stride, tuple) else [None]),
        ]
        if not all(type(number) is int and number >= 0 for number in whole) or len(size) != len(stride):
            raise self._odd("tensor")
        numbers = held // dtype.itemsize
        count = math.prod(size)
        last = offset + sum((side - 1) * step for side, step in zip(size, stride, strict=True)) + 1 if count else 0
        if len(size) > RANK or count > numbers or last > numbers:
            shape = ", ".join(str(side) if side < 2**64 else "..." for side in size[:8])
            raise RemnantError(
                f"{self.path} declares a tensor of shape ({shape}), which is more than the {held:,} bytes that it stores; "
                "it is damaged or made to exhaust memory."
            )
        self.sizes[key] = held
        self.count(count * dtype.itemsize)
        start = self.places[key][0]
        if not count:
            return torch.empty(size, dtype=dtype)
        if start % dtype.itemsize:
            base = torch.frombuffer(bytearray(self._bytes[start : start + numbers * dtype.itemsize]), dtype=dtype)
        else:
            base = torch.frombuffer(self._bytes, dtype=dtype, count=numbers, offset=start)
        return base.as_strided(size, stride, offset)

    def count(self, size: int) -> None:
        """Count one more tensor, of `size` bytes; raises `RemnantError` for more than any network has."""
        self.claimed += size
        self.tensors += 1
        if self.tensors > COPIES * MOST:
            raise RemnantError(
                f"{self.path} holds more than {COPIES * MOST:,} tensors, far more than a network of images has."
            )

    def check_total(self) -> None:
        """Raise `RemnantError` where the tensors together are far more than what is stored."""
        stored = sum(self.sizes.values())
        if self.claimed > SHARED * stored + 2**20:
            raise RemnantError(
                f"{self.path} declares tensors of {self.claimed:,} bytes, but stores {stored:,}; it is made to exhaust memory."
            )

    def _storage(self, part: Any) -> tuple[str, torch.dtype, int]:
        """Key, type and bytes."""
        words = part.words if isinstance(part, Persistent) else None
        match words:
            case ("storage", Import(name=name), key, str(), int(count), *view) if count >= 0:
                kind = STORAGES.get(name.rpartition(".")[2].removesuffix("Storage"))
                # Before 0.4 a storage could be a part of another.
                if kind and not any(view):
                    return self._held(str(key) if isinstance(key, (str, int)) else "", kind, count * kind.itemsize)
        raise self._odd("storage")

    def _held(self, key: str, kind: torch.dtype, size: int) -> tuple[str, torch.dtype, int]:
        if key not in self.places:
            raise RemnantError(
                f"{self.path} lacks the bytes of a tensor that it names ({short(key)}); copy or download it again."
            )
        held = self.places[key][1]
        if size > held:
            raise RemnantError(
                f"{self.path} declares {size if size < 2**64 else 2**64:,} bytes for a tensor of which it holds {held:,}; "
                "it is damaged or made to exhaust memory: copy or download it again."
            )
        return key, kind, size

    def _odd(self, what: str) -> RemnantError:
        return RemnantError(
            f"{self.path} describes a {what} in a way that torch.save never does; copy or download it again."
        )
