"""A folder or a zip of somebody's, as its files: nothing is unpacked where a name says, and no link is followed."""

import contextlib
import os
import shutil
import stat
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from remnant.base.errors import RemnantError

FILES = 100_000
PACKED = 200  # times that a file may grow when unpacked; text grows tenfold
SMALL = 2**20  # bytes, below which it does not matter


@dataclass(frozen=True)
class BundleEntry:
    """A file by its `name` from the top, with "/" between folders. `problem`: in words, why it is not opened, or ""."""

    name: str
    bytes: int
    problem: str = ""


class Bundle:
    """The files of the folder or zip `path`, by name.

    Raises `RemnantError` for a zip that is damaged or that holds two files of one name, and for more than 100,000 files.
    """

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        self.zipped = not self.path.is_dir()
        try:
            found = list(_zipped(self.path) if self.zipped else _walked(self.path))
        except (zipfile.BadZipFile, NotImplementedError, EOFError, ValueError) as error:
            raise RemnantError(f"{path} is a zip that is cut off or damaged ({error}); copy it again.") from None
        names = {entry.name for entry in found}
        if len(names) < len(found) or any(
            str(above) in names for name in names for above in PurePosixPath(name).parents
        ):
            raise RemnantError(f"{path} holds two files of one name; pack it anew.")
        self.entries = tuple(sorted(found, key=lambda entry: entry.name))

    @contextlib.contextmanager
    def open(self, entry: BundleEntry) -> Iterator[BinaryIO]:
        """The bytes of an entry without a problem."""
        if self.zipped:
            with zipfile.ZipFile(self.path) as archive, archive.open(entry.name) as file:
                yield file
        else:
            with (self.path / entry.name).open("rb") as file:
                yield file

    @contextlib.contextmanager
    def local(self, entry: BundleEntry) -> Iterator[Path]:
        """A file with these bytes: the entry itself, or a copy that lasts as long as it is looked at."""
        if not self.zipped:
            yield self.path / entry.name
            return
        with tempfile.TemporaryDirectory(prefix="remnant-") as folder:
            path = Path(folder) / f"file{PurePosixPath(entry.name).suffix}"
            with self.open(entry) as source, path.open("wb") as target:
                shutil.copyfileobj(source, target, 2**20)
            yield path


def is_bundle(path: Path) -> bool:
    """Whether `path` is a folder, or a zip of files rather than one of torch.save, of TorchScript or of NumPy."""
    if Path(path).is_dir():
        return True
    if not Path(path).is_file() or not zipfile.is_zipfile(path):
        return False
    try:
        with zipfile.ZipFile(path) as archive:
            names = [PurePosixPath(name) for name in archive.namelist()]
    except (zipfile.BadZipFile, NotImplementedError, ValueError):
        return False
    own = any(name.name in ("data.pkl", "constants.pkl") and len(name.parts) == 2 for name in names)
    return not own and not all(name.suffix == ".npy" for name in names)


def _walked(top: Path) -> Iterator[BundleEntry]:
    count = 0
    for folder, below, names in os.walk(top):
        for name in (*names, *(one for one in below if (Path(folder) / one).is_symlink())):
            count += 1
            if count > FILES:
                raise RemnantError(f"{top} holds more than {FILES:,} files; give the folder of one model.")
            path = Path(folder) / name
            status = path.lstat()
            link = "is a link, which is not followed" if stat.S_ISLNK(status.st_mode) else ""
            problem = link or ("" if stat.S_ISREG(status.st_mode) else "is no regular file")
            yield BundleEntry(path.relative_to(top).as_posix(), status.st_size, problem)


def _zipped(path: Path) -> Iterator[BundleEntry]:
    with zipfile.ZipFile(path) as archive:
        infos = [info for info in archive.infolist() if not info.is_dir()]
    if len(infos) > FILES:
        raise RemnantError(f"{path} holds more than {FILES:,} files; give the zip of one model.")
    for info in infos:
        yield BundleEntry(info.filename, info.file_size, _problem(info))


def _problem(info: zipfile.ZipInfo) -> str:
    name = info.filename
    if name.startswith("/") or "\\" in name or ":" in name.split("/")[0] or ".." in name.split("/"):
        return "has a name that leads outside of the zip"
    if not name or str(PurePosixPath(name)) != name:
        return "has a name that says its place in two ways"
    if stat.S_ISLNK(info.external_attr >> 16):
        return "is a link, which is not followed"
    if info.flag_bits & 1:
        return "is encrypted"
    if info.file_size > SMALL + PACKED * info.compress_size:
        return f"would grow more than {PACKED} times when unpacked"
    return ""
