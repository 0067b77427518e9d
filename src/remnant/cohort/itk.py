"""Volumes in the formats that SimpleITK reads and nibabel does not: MetaImage (.mha, .mhd) and NRRD (.nrrd, .nhdr).

Neither of SimpleITK's readers looks at the checksum of compressed voxels: of MetaImages with one bit changed it read every one,
with other voxels.
"""

import re
import zlib
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from remnant.base.errors import RemnantError, foreign

ENDINGS = (".mha", ".mhd", ".nrrd", ".nhdr")
LONGEST_HEADER = 2**20
# What the readers say of the format, and of a modality that is not given.
OWN_KEYS, OWN_VALUES = ("ITK_", "NRRD_"), ("MET_MOD_UNKNOWN", "MET_MOD_OTHER")
CHUNK = 2**20
# What ends a header, what says that the voxels are compressed (zlib or gzip), and where they lie if not behind the header.
META = (
    re.compile(rb"^ElementDataFile *=.*\n", re.MULTILINE),
    re.compile(rb"^CompressedData *= *True", re.MULTILINE | re.IGNORECASE),
    re.compile(rb"^ElementDataFile *=(?! *LOCAL\b) *(.+?)\s*$", re.MULTILINE),
)
NRRD = (
    re.compile(rb"\r?\n\r?\n|\Z"),
    re.compile(rb"^encoding: *(gzip|gz)\b", re.MULTILINE | re.IGNORECASE),
    re.compile(rb"^data ?file: *(.+?)\s*$", re.MULTILINE | re.IGNORECASE),
)


def read_itk_geometry(path: Path) -> tuple[tuple[int, ...], np.ndarray]:
    """Shape, of any dimensions, and affine (4, 4) in RAS+, without the voxels; raise `RemnantError` for an unreadable file."""
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    with foreign(path, "cannot be read as a volume", "copy or export it again", told=False):
        reader.ReadImageInformation()
    if reader.GetNumberOfComponents() != 1:
        raise RemnantError(
            f"{path} holds {reader.GetNumberOfComponents()} values a voxel, as of colours; give the scan itself, in shades "
            f"of grey."
        )
    size, dimension = reader.GetSize(), reader.GetDimension()
    if dimension < 3:
        return size, np.eye(4)
    directions = np.reshape(reader.GetDirection(), (dimension, dimension))[:3, :3]
    affine = np.eye(4)
    affine[:3, :3] = directions * reader.GetSpacing()[:3]
    affine[:3, 3] = reader.GetOrigin()[:3]
    # ITK's axes are LPS.
    affine[:2] *= -1
    return size, affine


def read_itk_texts(path: Path) -> dict[str, str]:
    """What a header says beside its geometry, by key: SimpleITK carries DICOM over as '0010|0010', other tools as they like.

    Raises `RemnantError` for an unreadable file.
    """
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    with foreign(path, "cannot be read as a volume", "copy or export it again", told=False):
        reader.ReadImageInformation()
        pairs = {key: reader.GetMetaData(key).strip() for key in reader.GetMetaDataKeys()}
    return {key: text for key, text in pairs.items() if not key.startswith(OWN_KEYS) and text not in ("", *OWN_VALUES)}


def read_itk_voxels(path: Path) -> np.ndarray:
    """The values (x, y, z, ...) in the file's own type; raise `RemnantError` for a file that is cut off or damaged."""
    with foreign(path, "is cut off or damaged", "copy or export it again", told=False):
        _check_packed(path)
        return sitk.GetArrayFromImage(sitk.ReadImage(str(path))).T


def _check_packed(path: Path) -> None:
    """Raise `ValueError` or `zlib.error` where compressed voxels are not those that were written."""
    end, packed, elsewhere = NRRD if path.suffix in (".nrrd", ".nhdr") else META
    with path.open("rb") as file:
        start = file.read(LONGEST_HEADER)
    found = end.search(start)
    header = start[: found.end()] if found else start
    if not packed.search(header):
        return
    apart = elsewhere.search(header)
    voxels = path.parent / apart[1].decode() if apart else path
    # Of both formats, whichever it is.
    unpacker = zlib.decompressobj(zlib.MAX_WBITS | 32)
    with voxels.open("rb") as file:
        file.seek(0 if apart else len(header))
        while not unpacker.eof and (piece := file.read(CHUNK)):
            while piece and not unpacker.eof:
                unpacker.decompress(piece, CHUNK)
                piece = unpacker.unconsumed_tail
    if not unpacker.eof:
        raise ValueError("cut off")
