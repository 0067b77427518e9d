"""The headers of MetaImages (.mha, .mhd), lines of `key = value`.

Defaults, and which of several names of a field goes before which, are those of MetaIO, ITK's own reader:
https://docs.itk.org/en/latest/learn/metaio.html
"""

import os
import re
from pathlib import Path

import numpy as np

from remnant.cohort.files.raw import LONGEST_HEADER, Raw, beside, in_ras, in_several_files

TYPES = {
    "MET_ASCII_CHAR": "i1",
    "MET_CHAR": "i1",
    "MET_UCHAR": "u1",
    "MET_SHORT": "i2",
    "MET_USHORT": "u2",
    "MET_INT": "i4",
    "MET_UINT": "u4",
    "MET_LONG": "i4",
    "MET_ULONG": "u4",
    "MET_LONG_LONG": "i8",
    "MET_ULONG_LONG": "u8",
    "MET_FLOAT": "f4",
    "MET_DOUBLE": "f8",
}
# The last that a header has holds.
ORIGINS = ("Position", "Offset", "Origin", "ImagePosition")
DIRECTIONS = ("Orientation", "Rotation", "TransformMatrix")
SPACINGS = ("ElementSize", "ElementSpacing")
BYTE_ORDERS = ("ElementByteOrderMSB", "BinaryDataByteOrderMSB")
LAST_FIELD = "ElementDataFile"
MOST_DIMENSIONS = 10
# The other fields that say nothing in words.
WORDLESS = """
    ObjectType ObjectSubType TransformType NDims DimSize ID ParentID Color BinaryData CompressedData CompressedDataSize HeaderSize
    CenterOfRotation AnatomicalOrientation DistanceUnits SequenceID ElementMin ElementMax ElementNBits ElementNumberOfChannels
    ElementType ElementToIntensityFunctionSlope ElementToIntensityFunctionOffset
"""
GEOMETRY = {*ORIGINS, *DIRECTIONS, *SPACINGS, *BYTE_ORDERS, LAST_FIELD, *WORDLESS.split()}
# A modality that is not given.
NO_MODALITY = {"MET_MOD_UNKNOWN", "MET_MOD_OTHER"}


def read_metaimage(path: Path) -> Raw:
    """What the header says; raise anything for a damaged one, and `RemnantError` for voxels in several files or elsewhere."""
    fields, end = _fields(path)
    dimensions = int(fields["NDims"])
    channels = int(fields.get("ElementNumberOfChannels", 1))
    if not 1 <= dimensions <= MOST_DIMENSIONS or channels < 1:
        raise ValueError("no dimensions, or no values")
    spacing = _numbers(fields, SPACINGS, np.ones(dimensions))
    directions = _numbers(fields, DIRECTIONS, np.eye(dimensions))
    name = fields[LAST_FIELD]
    if name.startswith("LIST") or "%" in name:
        raise in_several_files(path, ".mha")
    local = name in ("LOCAL", "Local", "local")
    file, start = (path, end) if local else (beside(path, name), 0)
    encoding = "packed" if _holds(fields, ("CompressedData",)) else "raw"
    if not _holds(fields, ("BinaryData",), "T"):
        encoding = "text"
    if not file.exists() and (zipped := file.with_name(f"{file.name}.gz")).exists():
        file, encoding = zipped, "packed"
    byte_order = ">" if _holds(fields, BYTE_ORDERS) else "<"
    ahead = int(fields.get("HeaderSize", 0))
    return Raw(
        shape=tuple(int(side) for side in _numbers(fields, ("DimSize",), np.zeros(dimensions))),
        affine=in_ras(directions * spacing[:, None], _numbers(fields, ORIGINS, np.zeros(dimensions))),
        channels=channels,
        texts={key: text for key, text in fields.items() if key not in GEOMETRY and text not in ("", *NO_MODALITY)},
        file=file,
        start=ahead if ahead > 0 or ahead == -1 else start,
        encoding=encoding,
        dtype=np.dtype(byte_order + TYPES[fields["ElementType"].removesuffix("_ARRAY")]),
    )


def _fields(path: Path) -> tuple[dict[str, str], int]:
    """The values by their keys, and the byte behind the header; raise `ValueError` where it does not end."""
    fields: dict[str, str] = {}
    with path.open("rb") as file:
        while LAST_FIELD not in fields:
            line = file.readline(LONGEST_HEADER)
            if not line.endswith(b"\n") or file.tell() > LONGEST_HEADER:
                raise ValueError("the header does not end")
            if line.strip():
                key, value = re.split("[=:]", os.fsdecode(line), maxsplit=1)
                fields[key.strip()] = value.lstrip("=: \t").rstrip()
        return fields, file.tell()


def _numbers(fields: dict[str, str], names: tuple[str, ...], default: np.ndarray) -> np.ndarray:
    """As many numbers as `default` has, shaped alike, from the last of `names` that the header has."""
    given = [name for name in names if name in fields]
    if not given:
        return default
    words = fields[given[-1]].split()[: default.size]
    return np.array([float(word) for word in words]).reshape(default.shape)


def _holds(fields: dict[str, str], names: tuple[str, ...], default: str = "F") -> bool:
    return next((fields[name] for name in reversed(names) if name in fields), default)[:1] in ("T", "t", "1")
