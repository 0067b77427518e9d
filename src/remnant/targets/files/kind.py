"""What kind of file it is, by its first bytes: suffixes lie."""

import re
import zipfile
from pathlib import Path
from typing import Literal

from remnant.base.errors import RemnantError

Kind = Literal["zip", "pickle", "safetensors"]

_WEIGHTS = "give a PyTorch or safetensors checkpoint"
_UNPACK = "unpack it first, and give the checkpoint inside"
# Where the bytes stand, what they are, what the file then is, and what to do.
FOREIGN: tuple[tuple[int, bytes, str, str], ...] = (
    (0, b"\x89HDF\r\n\x1a\n", "an HDF5 file, such as Keras writes", _WEIGHTS),
    (0, b"\x1f\x8b", "compressed by gzip", _UNPACK),
    (0, b"BZh", "compressed by bzip2", _UNPACK),
    (0, b"\xfd7zXZ\x00", "compressed by xz", _UNPACK),
    (0, b"\x28\xb5\x2f\xfd", "compressed by zstandard", _UNPACK),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7z archive", _UNPACK),
    (0, b"Rar!", "a RAR archive", _UNPACK),
    (0, b"\x93NUMPY", "a NumPy array", _WEIGHTS),
    (0, b"GGUF", "a GGUF file of a language model", _WEIGHTS),
    (0, b"version https://git-lfs", "a pointer of Git LFS, not the file itself", "fetch it with `git lfs pull`"),
    (4, b"TFL3", "a TensorFlow Lite model", _WEIGHTS),
    (128, b"DICM", "a DICOM file", _WEIGHTS),
    (257, b"ustar", "a tar archive, as PyTorch wrote before 0.4 or as folders are packed", "save its state_dict anew"),
)
ADDRESS = re.compile(r"(?:https?|ftp|s3|gs|hf):/", re.IGNORECASE)
# Protocol buffers begin with field 1 as a number: an ONNX model's IR version, or a SavedModel's schema version 1.
_FIELD_1, _NEXT = 0x08, (0x12, 0x1A, 0x22, 0x3A, 0x42)
# The last eight bytes of the tables that TensorFlow writes as `.index`.
TENSORFLOW_INDEX = bytes.fromhex("57fb808b247547db")


def kind_of_file(path: Path) -> Kind:
    """How to read the file `path`.

    Raises `RemnantError` when there is no such file, or when it is none that PyTorch or safetensors write.
    """
    # A path joins the slashes of an address.
    if ADDRESS.match(str(path)):
        raise RemnantError(f"{path} is an address on the net; download the file, and give its path.")
    if not path.exists():
        raise RemnantError(f"The checkpoint {path} does not exist; check the path.")
    if path.is_dir():
        raise RemnantError(f"{path} is a directory; give the checkpoint file in it.")
    if not path.is_file():
        raise RemnantError(f"{path} is no regular file; give a checkpoint file.")
    size = path.stat().st_size
    if not size:
        raise RemnantError(f"{path} is empty; copy or download it again.")
    with path.open("rb") as file:
        head = file.read(512)
        file.seek(max(0, size - 8))
        tail = file.read()
    # Before anything else: the length of a safetensors header may begin with any bytes.
    if head[8:9] == b"{" and head[:2] != b"PK":
        return "safetensors"
    for offset, magic, what, mend in FOREIGN:
        if head[offset : offset + len(magic)] == magic:
            raise RemnantError(f"{path} is {what}; {mend}.")
    if head[:4] == b"PK\x03\x04":
        # Its directory is at the end. Said here, before PyTorch is imported, which takes seconds.
        if not _whole_zip(path):
            raise RemnantError(f"{path} is a zip archive that is cut off or damaged; copy or download it again.")
        return "zip"
    if head[0] == 0x80 or head[:1] in b"(]}cl":
        return "pickle"
    if tail == TENSORFLOW_INDEX:
        raise RemnantError(f"{path} is a TensorFlow checkpoint; {_WEIGHTS}.")
    if len(head) > 3 and head[0] == _FIELD_1 and head[2] in _NEXT:
        what = "a TensorFlow SavedModel" if head[1] == 1 else "an ONNX or Core ML model"
        raise RemnantError(f"{path} looks like {what}; {_WEIGHTS}.")
    if head.lstrip()[:5].lower() in (b"<!doc", b"<html"):
        raise RemnantError(f"{path} is a web page, perhaps of a download that failed; download the file itself.")
    if all(byte in b"\t\n\r\f" or 32 <= byte < 127 for byte in head):
        raise RemnantError(f"{path} is a text file; {_WEIGHTS}.")
    raise RemnantError(f"{path} is no checkpoint that Remnant knows, or its beginning is damaged; {_WEIGHTS}.")


def _whole_zip(path: Path) -> bool:
    try:
        return zipfile.is_zipfile(path)
    except zipfile.BadZipFile:  # of several disks, as changed bytes say
        return False
