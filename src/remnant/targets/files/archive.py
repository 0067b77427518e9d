"""Zip archives of torch.save (since PyTorch 1.6), checked before PyTorch opens them."""

import zipfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from remnant.base.errors import RemnantError
from remnant.targets.files.allowed import check_names
from remnant.targets.files.declared import check_declared
from remnant.targets.files.pickled import BadPickleError, Pickled

PICKLE_BYTES = 128 * 2**20  # of names and shapes; a large language model has one


def check_archive(path: Path) -> None:
    """Raise `RemnantError` unless the zip `path` is one that torch.save wrote, whose pickle only names and shapes weights.

    Reads the directory and the pickle; no weight is read, nothing is unpacked.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            records = _records(path, archive.infolist())
            name = _pickle_name(path, records)
            if records[name].file_size > PICKLE_BYTES:
                raise RemnantError(
                    f"{path} holds a pickle of {records[name].file_size:,} bytes, far more than weights need."
                )
            content = archive.read(name)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, ValueError, EOFError, OSError) as error:
        raise RemnantError(
            f"{path} is a zip archive that is cut off or damaged ({error}); copy or download it again."
        ) from None
    folder = name.removesuffix("data.pkl")
    _check_pickle(path, content, lambda key: _size(records, f"{folder}data/{key}"))


def _check_pickle(path: Path, content: bytes, stored: Callable[[str], int | None]) -> None:
    pickled = Pickled()
    try:
        value = pickled.read(content)
    except BadPickleError as error:
        check_names(path, pickled.imports)
        raise RemnantError(f"The pickle in {path} {error}; copy or download it again.") from None
    check_names(path, pickled.imports)
    check_declared(path, value, stored)


def _size(records: dict[str, zipfile.ZipInfo], name: str) -> int | None:
    return records[name].file_size if name in records else None


def _records(path: Path, infos: list[zipfile.ZipInfo]) -> dict[str, zipfile.ZipInfo]:
    """The archive's records by name, of which none is hidden, packed or outside."""
    records = {info.filename: info for info in infos}
    if len(records) < len(infos):
        raise RemnantError(f"{path} is a zip archive that holds two records of one name; torch.save never writes that.")
    for info in infos:
        parts = PurePosixPath(info.filename).parts
        if info.filename.startswith("/") or ".." in parts or "\\" in info.filename or ":" in parts[:1]:
            raise RemnantError(
                f"{path} is a zip archive with a record outside of it ({info.filename[:80]!a}); it is made to harm."
            )
        if info.flag_bits & 1:
            raise RemnantError(f"{path} is an encrypted zip archive; decrypt it first.")
    packed = [info for info in infos if info.compress_type != zipfile.ZIP_STORED]
    if packed and any(name.endswith("data.pkl") for name in records):
        grown = sum(info.file_size for info in packed)
        raise RemnantError(
            f"{path} is a compressed zip archive that would unpack to {grown:,} bytes; torch.save never compresses: save it anew."
        )
    if not packed and sum(info.file_size for info in infos) > path.stat().st_size:
        raise RemnantError(f"{path} is a zip archive whose records overlap; it is damaged or made to exhaust memory.")
    return records


def _pickle_name(path: Path, records: dict[str, zipfile.ZipInfo]) -> str:
    """The one pickle that PyTorch will read."""
    names = [PurePosixPath(name) for name in records]
    if any(name.name == "constants.pkl" or "code" in name.parts[1:-1] for name in names):
        raise RemnantError(
            f"{path} is a TorchScript archive, which is a program; save the module's state_dict() and give that."
        )
    pickles = [name for name in names if name.name == "data.pkl"]
    if not pickles:
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
