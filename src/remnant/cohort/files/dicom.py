"""DICOM files: known by their content, whatever they are called, and read whichever way their pixels are compressed.

Some archives hand out files without preamble and file meta information (PS3.10, 7.1): these begin with their first element.

A header's text may name the patient: no value of it gets into a message, and pydicom's own warnings, which quote values,
are silenced.
"""

import contextlib
import io
import logging
import re
import struct
import tempfile
import warnings
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from pydicom.encaps import encapsulate, generate_frames
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from remnant.base.errors import RemnantError, foreign
from remnant.cohort.files.gdcm import decoded
from remnant.cohort.files.header import MOST_VOXELS

PREAMBLE = 128
MAGIC = b"DICM"
# Bytes of the element that says how long the file meta information is.
LENGTH_ELEMENT = 12
# Of a deflated file, 16 bits for each of the pixels that a picture may have.
MOST_INFLATED = 2**28
# Groups of the first element where there is no preamble: file meta information, identification.
FIRST_GROUPS = (b"\x02\x00", b"\x08\x00")
# A carrier of frames without a patient; PS3.3 A.8.
SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7.3"
# Start of frame: every kind of JPEG, but no tables, and JPEG-LS.
SIZE_MARKERS = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC} | {0xF7}
PIXELS = (
    "Rows",
    "Columns",
    "NumberOfFrames",
    "SamplesPerPixel",
    "PhotometricInterpretation",
    "BitsAllocated",
    "BitsStored",
    "HighBit",
    "PixelRepresentation",
)


def is_dicom(path: Path) -> bool:
    """Whether a file is DICOM by its first bytes, with a preamble or without; False for what cannot be opened."""
    try:
        with path.open("rb") as file:
            start = file.read(PREAMBLE + len(MAGIC))
    except OSError:
        return False
    return start[PREAMBLE:] == MAGIC or _is_bare(start)


@contextlib.contextmanager
def quiet_pydicom() -> Iterator[None]:
    """Without pydicom's warnings and log lines, which quote the header."""
    logger = logging.getLogger("pydicom")
    before = logger.disabled
    logger.disabled = True
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.disabled = before


def open_dicom(path: Path, **options: Any) -> pydicom.Dataset:
    """The data set of a file, `options` as of `pydicom.dcmread`; raise `RemnantError` for a file that is no DICOM."""
    with quiet_pydicom(), foreign(path, "cannot be read as DICOM", "copy or export it again", told=False):
        if (meta := _file_meta(path)).get("TransferSyntaxUID") == DeflatedExplicitVRLittleEndian:
            header = pydicom.dcmread(io.BytesIO(_inflated(path, meta)), force=True, **options)
            header.file_meta = meta
            meta.TransferSyntaxUID = ExplicitVRLittleEndian
            return header
        header = pydicom.dcmread(path, force=path.suffix.lower() == ".dcm" or is_dicom(path), **options)
        if "TransferSyntaxUID" not in header.file_meta:
            implicit, little = header.original_encoding
            plain = ExplicitVRLittleEndian if little else ExplicitVRBigEndian
            header.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian if implicit else plain
        # A damaged file may have several, or none that is a name.
        header.file_meta.TransferSyntaxUID.name  # noqa: B018
        return header


def _file_meta(path: Path) -> pydicom.dataset.FileMetaDataset:
    """The file meta information, empty where a file has no preamble."""
    with path.open("rb") as file:
        if file.read(PREAMBLE + len(MAGIC))[PREAMBLE:] != MAGIC:
            return pydicom.dataset.FileMetaDataset()
    return pydicom.filereader.read_file_meta_info(path)


def _inflated(path: Path, meta: pydicom.dataset.FileMetaDataset) -> bytes:
    """What follows the file meta information of a deflated file (PS3.5 A.5).

    pydicom would unpack it whole, and a few megabytes may stand for gigabytes. Raises `ValueError` beyond `MOST_INFLATED`.
    """
    unpacker = zlib.decompressobj(-zlib.MAX_WBITS)
    with path.open("rb") as file:
        file.seek(PREAMBLE + len(MAGIC) + LENGTH_ELEMENT + meta.FileMetaInformationGroupLength)
        content = unpacker.decompress(file.read(), MOST_INFLATED + 1)
    if len(content) > MOST_INFLATED or not unpacker.eof:
        raise ValueError("too long, or cut off")
    return content


def stored_pixels(path: Path, header: pydicom.Dataset) -> np.ndarray:
    """The stored values (rows, columns) or (frames, rows, columns) of a file that `open_dicom` read whole, not rescaled.

    Raises `RemnantError` for a file that is cut off or damaged, or compressed in a way that nothing here reads.
    """
    syntax = header.file_meta.TransferSyntaxUID
    try:
        with quiet_pydicom():
            return header.pixel_array if _pydicom_reads(syntax) else _by_gdcm(header)
    except Exception:
        # Anything may be wrong in a damaged file, and what is raised may quote it.
        pass
    if syntax.is_transfer_syntax and syntax.is_compressed and not _pydicom_reads(syntax):
        raise RemnantError(
            f"{path} is damaged, or compressed in a way ({syntax.name}) that is not read; decompress it."
        )
    raise RemnantError(f"{path} is cut off or damaged; copy or export it again.")


def _is_bare(start: bytes) -> bool:
    if len(start) < PREAMBLE or start[:2] not in FIRST_GROUPS or start[3] != 0:
        return False
    # The value representation, of two letters, or the upper half of a first, short value's length.
    return bool(re.match(rb"[A-Z]{2}", start[4:6])) or start[6:8] == b"\0\0"


def _pydicom_reads(syntax: pydicom.uid.UID) -> bool:
    try:
        return bool(pydicom.pixels.get_decoder(syntax).is_available)
    except NotImplementedError:
        return False


def _by_gdcm(header: pydicom.Dataset) -> np.ndarray:
    """Through GDCM, which brings lossless JPEG and JPEG-LS.

    It gets the pixels alone: with the whole header it would rescale them. Their frames are packed anew, since of lengths that
    are damaged it takes gigabytes, and no frame may claim to be larger than the header says.
    """
    count = int(header.get("NumberOfFrames") or 1)
    frames = list(generate_frames(header.PixelData, number_of_frames=count))
    if len(frames) != count or count * header.Rows * header.Columns > MOST_VOXELS:
        raise ValueError("not the frames that the header gives")
    for frame in frames:
        _require_size(frame, header.Rows, header.Columns)
    bare = pydicom.Dataset()
    for keyword in PIXELS:
        if keyword in header:
            bare[keyword] = header[keyword]
    bare.PixelData = encapsulate(frames)
    bare["PixelData"].VR = "OB"
    bare.SOPClassUID, bare.SOPInstanceUID = SECONDARY_CAPTURE, pydicom.uid.generate_uid()
    bare.file_meta = pydicom.dataset.FileMetaDataset()
    bare.file_meta.TransferSyntaxUID = header.file_meta.TransferSyntaxUID
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "pixels.dcm"
        bare.save_as(file, enforce_file_format=True)
        pixels = decoded(file)
    if pixels.shape[-2:] != (header.Rows, header.Columns):
        raise ValueError("not the size that the header gives")
    return pixels[0] if len(pixels) == count == 1 else pixels


def _require_size(frame: bytes, rows: int, columns: int) -> None:
    """Raise anything where a frame of JPEG or JPEG-LS is not grey and of this size, by the first marker that tells (T.81)."""
    place = 2
    while frame[place : place + 1] == b"\xff" and frame[place + 1] not in SIZE_MARKERS:
        place += 2 + int.from_bytes(frame[place + 2 : place + 4], "big")
    if struct.unpack(">HHB", frame[place + 5 : place + 10]) != (rows, columns, 1):
        raise ValueError("not the size that the header gives")
