"""The headers of NRRD files (.nrrd, .nhdr): http://teem.sourceforge.net/nrrd/format.html

pynrrd makes numbers of the fields. It gets them alone and as it wants them written, since ITK, which most of these files were
written for, takes more than it does, and since its own reader of voxels unpacks whatever a file holds.
"""

import os
import re
from pathlib import Path
from typing import Any

import nrrd
import numpy as np

from remnant.base.errors import RemnantError
from remnant.cohort.files.raw import LONGEST_HEADER, Raw, beside, in_ras, in_several_files

TYPES = {
    name: kind
    for kind, names in {
        "i1": "signed char, int8, int8_t",
        "u1": "uchar, unsigned char, uint8, uint8_t",
        "i2": "short, short int, signed short, signed short int, int16, int16_t",
        "u2": "ushort, unsigned short, unsigned short int, uint16, uint16_t",
        "i4": "int, signed int, int32, int32_t",
        "u4": "uint, unsigned int, uint32, uint32_t",
        "i8": "longlong, long long, long long int, signed long long, signed long long int, int64, int64_t",
        "u8": "ulonglong, unsigned long long, unsigned long long int, uint64, uint64_t",
        "f4": "float",
        "f8": "double",
    }.items()
    for name in names.split(", ")
}
ENCODINGS = {"raw": "raw", **dict.fromkeys(("gzip", "gz"), "packed"), **dict.fromkeys(("ascii", "text", "txt"), "text")}
# Signs that take the axes of a space to LPS; ITK takes those that name no direction for LPS, too.
SPACES = {
    **dict.fromkeys(("rightanteriorsuperior", "ras"), (-1, -1, 1)),
    **dict.fromkeys(("leftanteriorsuperior", "las"), (1, -1, 1)),
    **dict.fromkeys(("leftposteriorsuperior", "lps", "scannerxyz", "3drighthanded", "3dlefthanded"), (1, 1, 1)),
}
# Of an axis along which voxels lie; along one of another kind a voxel has several values.
DOMAINS = {"domain", "space", "time", "???", "none"}
# Fields that say where voxels lie, as pynrrd calls them, by their names without blanks.
PLACING = (
    "dimension, sizes, type, encoding, endian, line skip, byte skip, data file, kinds, centerings, spacings, axis mins, "
    "axis maxs, space, space dimension, space directions, space origin"
)
FIELDS = {name.replace(" ", ""): name for name in PLACING.split(", ")} | {"centers": "centerings"}
# The other fields that say nothing in words, and what the axes are called.
WORDLESS = (
    "number, blocksize, thicknesses, labels, units, min, max, oldmin, oldmax, sampleunits, spaceunits, measurementframe"
)
MOST_DIMENSIONS = 16
VECTOR = re.compile(r"\([^()]*\)")
# The comments that every writer puts in.
OWN_COMMENTS = ("Complete NRRD file format specification at:", "http://teem.sourceforge.net/nrrd/format.html")


def read_nrrd(path: Path) -> Raw:
    """What the header says; raise anything for a damaged one, and `RemnantError` for voxels in several files or elsewhere."""
    lines, texts, end = _lines(path)
    header = nrrd.read_header(lines)
    name = header.get("data file")
    if name and (name.startswith("LIST") or "%" in name):
        raise in_several_files(path, ".nrrd")
    if (encoding := ENCODINGS.get(header["encoding"].lower())) is None:
        raise RemnantError(
            f"The voxels of {path} are encoded in a way that is not read; save it with the encoding raw or gzip, or as NIfTI."
        )
    sizes = header["sizes"].tolist()
    skip, lines_skipped = header.get("byte skip", 0), header.get("line skip", 0)
    if len(sizes) != header["dimension"] or len(sizes) > MOST_DIMENSIONS or min(*sizes, lines_skipped, skip + 1) < 0:
        raise ValueError("numbers that none can be")
    kinds = [kind.lower() for kind in header.get("kinds", ["domain"] * len(sizes))]
    domain = np.array([kind in DOMAINS for kind in kinds])
    dtype = np.dtype(TYPES[header["type"].lower()])
    if dtype.itemsize > 1 and encoding != "text":
        dtype = dtype.newbyteorder({"little": "<", "big": ">"}[header["endian"].lower()])
    file, start = (beside(path, name), 0) if name else (path, end)
    if lines_skipped:
        start = _behind_lines(file, start, lines_skipped)
    return Raw(
        shape=tuple(size for size, ours in zip(sizes, domain, strict=True) if ours),
        affine=_affine(header, domain),
        channels=int(np.prod([size for size, ours in zip(sizes, domain, strict=True) if not ours], dtype=object)),
        texts=texts,
        file=file,
        start=-1 if skip == -1 else start + (0 if encoding == "packed" else skip),
        encoding=encoding,
        dtype=dtype,
        skip=skip if encoding == "packed" else 0,
    )


def _lines(path: Path) -> tuple[list[str], dict[str, str], int]:
    """The fields as pynrrd reads them, what the header says in words by its keys, and the byte behind it."""
    lines, texts, comments = [], {}, []
    with path.open("rb") as file:
        while (line := file.readline(LONGEST_HEADER)).strip():
            if file.tell() > LONGEST_HEADER:
                raise ValueError("the header does not end")
            text = os.fsdecode(line).strip()
            if not lines:
                lines.append(text)
            elif text.startswith("#"):
                comments += [text.lstrip("# ")]
            else:
                key, parting, value = re.split(r"(:=|:\s|:$)", text, maxsplit=1)
                name, value = key.lower().replace(" ", ""), value.strip()
                if parting != ":=" and name in FIELDS:
                    # A vector is one word to pynrrd.
                    lines.append(f"{FIELDS[name]}: {VECTOR.sub(lambda one: ''.join(one[0].split()), value)}")
                    if name == "datafile" and value.startswith("LIST"):
                        break
                elif value and (parting == ":=" or name not in WORDLESS.split(", ")):
                    texts[key] = value.replace(r"\n", "\n")
        if comment := " ".join(one for one in comments if one not in OWN_COMMENTS).strip():
            texts["comment"] = comment
        return lines, texts, file.tell()


def _behind_lines(file: Path, start: int, count: int) -> int:
    with file.open("rb") as opened:
        opened.seek(start)
        for _ in range(count):
            if not opened.readline():
                raise ValueError("fewer lines than are to be skipped")
        return opened.tell()


def _affine(header: dict[str, Any], domain: np.ndarray) -> np.ndarray:
    """(4, 4) in RAS+, of the axes along which voxels lie, which are those where `domain` (axes,) holds."""
    spacings, mins, maxs = (
        header.get(name, np.full(len(domain), np.nan))[domain] for name in ("spacings", "axis mins", "axis maxs")
    )
    known = np.isfinite(spacings)
    if "space" in header or "space dimension" in header:
        if known.any():
            raise ValueError("spacings within a space")
        return _affine_in_space(header, domain)
    origin = np.zeros(len(spacings))
    if "axis mins" in header:
        centerings = header.get("centerings", ["cell"] * len(domain))
        node = np.array([centering.lower() == "node" for centering in centerings])[domain]
        widths = np.where(known, spacings, (maxs - mins) / (header["sizes"][domain] - node))
        if np.isfinite(widths).all():
            origin = mins + np.where(node, 0, widths / 2)
    return in_ras(np.diag(np.where(known, spacings, 1)), origin)


def _affine_in_space(header: dict[str, Any], domain: np.ndarray) -> np.ndarray:
    space = re.sub("[- ]", "", header.get("space", "lps").lower())
    signs = SPACES[space.removesuffix("time").removesuffix("t")]
    if "space directions" not in header:
        steps = np.eye(domain.sum())
    else:
        steps = header["space directions"][domain]
        steps[:, : len(signs)] *= signs[: steps.shape[1]]
    origin = np.array(header.get("space origin", np.zeros(steps.shape[1])))
    origin[: len(signs)] *= signs[: len(origin)]
    return in_ras(steps, origin)
