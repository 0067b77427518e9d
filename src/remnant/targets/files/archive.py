"""Zip archives of torch.save (since PyTorch 1.6)."""

import os
import struct
import zipfile
from collections.abc import Collection
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

from remnant.base.errors import RemnantError
from remnant.base.texts import short
from remnant.targets.files.allowed import unreadable
from remnant.targets.files.built import build
from remnant.targets.files.pickled import BadPickleError, Pickled
from remnant.targets.files.stored import Storages

LOCAL_HEADER = 30  # bytes before a record's name
WEIGHTS = (".pt", ".pth", ".ckpt", ".safetensors")
PROGRAMS = ("archive_format", "serialized_exported_program.json")  # records of torch.export, since 2.6 and before
PICKLE_BYTES = 128 * 2**20  # of names and shapes; a large language model has one


def read_archive(path: Path) -> tuple[Any, tuple[str, ...]]:
    """What the zip `path` of torch.save holds, its tensors mapped from the file, and the names that its pickle imports.

    Nothing is unpacked, and nothing of the file is run. Raises `RemnantError` unless torch.save wrote the archive, and where
    the pickle asks for more than the archive holds.
    """
    try:
        with zipfile.ZipFile(path) as archive, path.open("rb") as file:
            records = _records(path, archive.infolist())
            name = _pickle_name(path, records)
            folder = name.removesuffix("data.pkl")
            _check_packed(path, records.values())
            if records[name].file_size > PICKLE_BYTES:
                raise RemnantError(
                    f"{path} holds a pickle of {records[name].file_size:,} bytes, far more than weights need."
                )
            content = archive.read(name)
            order = f"{folder}byteorder"
            if order in records and records[order].file_size < 16 and archive.read(order).strip() == b"big":
                raise RemnantError(f"{path} was written on a big-endian machine; save it anew on a common one.")
            prefix = f"{folder}data/"
            places = {
                key.removeprefix(prefix): (_start(file, info), info.file_size)
                for key, info in records.items()
                if key.startswith(prefix)
            }
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, ValueError, EOFError, OSError) as error:
        raise RemnantError(
            f"{path} is a zip archive that is cut off or damaged ({error}); copy or download it again."
        ) from None
    pickled = Pickled()
    try:
        return build(pickled.read(content), Storages(path, places)), tuple(pickled.imports)
    except BadPickleError as error:
        raise unreadable(path, error, pickled.imports) from None


def _start(file: BinaryIO, info: zipfile.ZipInfo) -> int:
    """Where the bytes of a record begin: behind its own header, whose name and notes may differ from the directory's."""
    file.seek(info.header_offset)
    header = file.read(LOCAL_HEADER)
    if len(header) < LOCAL_HEADER or header[:4] != b"PK\x03\x04":
        raise zipfile.BadZipFile("a record is not where the directory says")
    start = info.header_offset + LOCAL_HEADER + sum(struct.unpack("<HH", header[26:30]))
    if start + info.file_size > os.fstat(file.fileno()).st_size:
        raise zipfile.BadZipFile("a record goes beyond the end")
    return start


def _records(path: Path, infos: list[zipfile.ZipInfo]) -> dict[str, zipfile.ZipInfo]:
    """The archive's records by name, of which none is hidden, packed or outside."""
    records = {info.filename: info for info in infos}
    if len(records) < len(infos):
        raise RemnantError(f"{path} is a zip archive that holds two records of one name; torch.save never writes that.")
    for info in infos:
        parts = PurePosixPath(info.filename).parts
        if info.filename.startswith("/") or ".." in parts or "\\" in info.filename or ":" in parts[:1]:
            raise RemnantError(
                f"{path} is a zip archive with a record outside of it ({short(info.filename)}); it is made to harm."
            )
        if info.flag_bits & 1:
            raise RemnantError(f"{path} is an encrypted zip archive; decrypt it first.")
    return records


def _pickle_name(path: Path, records: dict[str, zipfile.ZipInfo]) -> str:
    """The one pickle that PyTorch will read."""
    names = [PurePosixPath(name) for name in records]
    if any(name.name == "constants.pkl" or "code" in name.parts[1:-1] for name in names):
        raise RemnantError(
            f"{path} is a TorchScript archive, which is a program, and nothing of it was run; where you trust it, write its "
            "weights by torch.save(torch.jit.load(FILE).state_dict(), 'weights.pt') and give that, or a MONAI bundle's model.pt."
        )
    if any(name.name in PROGRAMS for name in names):
        raise RemnantError(
            f"{path} is a program that torch.export wrote, and nothing of it was run; where you trust it, write its weights by "
            "torch.save(torch.export.load(FILE).state_dict, 'weights.pt') and give that."
        )
    pickles = [name for name in names if name.name == "data.pkl"]
    if not pickles:
        if any(name.parts[-2:] == ("configs", "metadata.json") for name in names):
            raise RemnantError(f"{path} is a MONAI bundle; unpack it, and give the models/model.pt in it.")
        if any(name.suffix in WEIGHTS for name in names):
            inside = next(str(name) for name in names if name.suffix in WEIGHTS)
            raise RemnantError(
                f"{path} is a zip archive that holds a checkpoint ({short(inside)}); unpack it, and give that."
            )
        if names and all(name.suffix == ".npy" for name in names):
            what = "an archive of NumPy arrays"
        elif any(name.suffix in (".h5", ".keras") for name in names):
            what = "a Keras model"
        else:
            what = "a zip archive without the data.pkl of torch.save"
        raise RemnantError(f"{path} is {what}; give a PyTorch or safetensors checkpoint.")
    # PyTorch takes the folder of the first record; a second one would be read in the place of what was checked.
    if len(pickles) > 1 or len(pickles[0].parts) != 2 or len({name.parts[0] for name in names}) > 1:
        raise RemnantError(f"{path} is a zip archive of several folders or pickles; torch.save never writes that.")
    return str(pickles[0])


def _check_packed(path: Path, infos: Collection[zipfile.ZipInfo]) -> None:
    packed = [info for info in infos if info.compress_type != zipfile.ZIP_STORED]
    if packed:
        grown = sum(info.file_size for info in packed)
        raise RemnantError(
            f"{path} is a compressed zip archive that would unpack to {grown:,} bytes; torch.save never compresses: save it anew."
        )
    if sum(info.file_size for info in infos) > path.stat().st_size:
        raise RemnantError(f"{path} is a zip archive whose records overlap; it is damaged or made to exhaust memory.")
