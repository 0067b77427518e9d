"""Voxels that a header of text describes, behind it or in a file beside it: what MetaImage and NRRD share.

Both are read here and not by ITK: its readers write past the end of their buffers where a header is damaged, follow whatever path
it names, and take compressed voxels with a changed bit for sound.
"""

import math
import os
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath
from typing import IO, Literal

import numpy as np

from remnant.base.errors import RemnantError

LONGEST_HEADER = 2**20
# Of a packed file at a time, and of what that stands for.
READ, CHUNK = 2**16, 2**20


@dataclass(frozen=True)
class Raw:
    """What a header of text says. `shape`: of any dimensions, x first; `affine`: (4, 4) to mm, RAS+; `channels`: values a voxel;
    `texts`: what it says in words, by key.

    `file` holds values of `dtype` from the byte `start` on, or, where that is -1, up to its end: as they are, packed by zlib or
    gzip, or written out. Of what is unpacked the first `skip` bytes are no voxels.
    """

    shape: tuple[int, ...]
    affine: np.ndarray
    channels: int
    texts: dict[str, str]
    file: Path
    start: int
    encoding: Literal["raw", "packed", "text"]
    dtype: np.dtype
    skip: int = 0

    @property
    def count(self) -> int:
        return math.prod(self.shape)

    @property
    def size(self) -> int:
        """Bytes from the first one unpacked to the last voxel."""
        return self.skip + self.count * self.dtype.itemsize


def in_ras(steps: np.ndarray, origin: Sequence[float]) -> np.ndarray:
    """The affine (4, 4) in RAS+ of `steps` (axes, n), along each axis to the next voxel, and `origin` (n,), of LPS, in mm.

    Of fewer than three dimensions the identity: these are no volumes.
    """
    affine = np.eye(4)
    if len(steps) >= 3:
        affine[:3, :3] = steps[:3, :3].T
        affine[:3, 3] = origin[:3]
        affine[:2] *= -1
    return affine


def beside(path: Path, name: str) -> Path:
    """The file `name`, by which the header at `path` calls its voxels; raise `RemnantError` where it leads out of the folder, and
    `ValueError` where it is none, as of a header whose end is damaged.
    """
    if any(ord(letter) < ord(" ") for letter in name):
        raise ValueError("no name")
    # Of either system: it splits at both slashes.
    named = PureWindowsPath(name)
    if named.anchor or ".." in named.parts:
        raise RemnantError(
            f"The header of {path} names a file of another folder for its voxels; put that beside it and write its bare name "
            "into the header, or save the volume as NIfTI."
        )
    return path.parent / name


def in_several_files(path: Path, one: str) -> RemnantError:
    """What to say of a header that names a file a slice; `one` is the ending of a file that holds all."""
    return RemnantError(
        f"The voxels of {path} lie in several files, which are not put together here; save it as one {one} file or as NIfTI."
    )


def raw_voxels(raw: Raw) -> np.ndarray:
    """The values, shaped as `raw.shape`, of `raw.dtype` in the machine's byte order.

    Raises `ValueError` or `zlib.error` where there are fewer of them, or other ones than were packed.
    """
    if raw.start < 0 and raw.encoding != "raw":
        raise ValueError("where they begin is not known before they are unpacked")
    with raw.file.open("rb") as file:
        file.seek(*((raw.start, os.SEEK_SET) if raw.start >= 0 else (-raw.size, os.SEEK_END)))
        if raw.encoding == "text":
            values = np.fromstring(file.read().replace(b",", b" "), sep=" ", count=raw.count).astype(raw.dtype)
        elif raw.encoding == "packed":
            values = np.frombuffer(_unpacked(file, raw.size), raw.dtype, raw.count, raw.skip)
        else:
            values = np.fromfile(file, raw.dtype, raw.count)
    return values.reshape(raw.shape, order="F").astype(raw.dtype.newbyteorder("="), copy=False)


def _unpacked(file: IO[bytes], size: int) -> bytearray:
    """At least `size` bytes that zlib or gzip packed, in one piece or several, each read to the checksum behind it."""
    found, packed = bytearray(), b""
    while True:
        unpacker = zlib.decompressobj(zlib.MAX_WBITS | 32)
        while not unpacker.eof:
            packed = packed or file.read(READ)
            piece = unpacker.decompress(packed, CHUNK)
            if not packed and not piece:
                raise ValueError("it is cut off")
            found += piece
            if len(found) > size + CHUNK:
                raise ValueError("it holds far more than its header says")
            packed = unpacker.unconsumed_tail
        packed = unpacker.unused_data or file.read(READ)
        if len(found) >= size or not packed:
            return found
