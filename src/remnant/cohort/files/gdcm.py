"""Lossless JPEG and JPEG-LS, which SimpleITK's GDCM alone reads, in processes of their own.

Of a damaged file its decoders write where they may not. So each file is read by a process that ends with it, which a helper
forks: the helper has loaded SimpleITK, and never sees a byte of a stranger. Run as a script, this module is the helper.
"""

import atexit
import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import numpy as np

# Far more than any file takes.
MOST_CPU_S = 600
READ, REFUSED = "read\n", "refused\n"


def decoded(file: Path) -> np.ndarray:
    """The pixels (frames, rows, columns) of a DICOM file, by way of a file beside it; raise `ValueError` where it has none."""
    helper = _helper(os.getpid())
    try:
        helper.stdin.write(f"{file}\n")
        helper.stdin.flush()
        answer = helper.stdout.readline()
    except OSError:
        answer = ""
    if answer not in (READ, REFUSED):
        # The next file finds a new one.
        _helper.cache_clear()
    if answer != READ:
        raise ValueError("GDCM cannot read it")
    return np.load(_result_of(file))


@cache
def _helper(process: int) -> subprocess.Popen[str]:
    """The helper of this process, by its number: a forked one must not speak to that of its parent."""
    # Without the folder of this module, whose names are not those of libraries.
    command = [sys.executable, "-P", __file__]
    helper = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        encoding=sys.getfilesystemencoding(),
        errors="surrogateescape",
    )
    atexit.register(helper.kill)
    return helper


def _result_of(file: Path) -> Path:
    return file.with_suffix(".npy")


def _serve() -> None:
    """Read the files that are named on standard input, a line each, until it ends."""
    import SimpleITK  # noqa: F401

    # What libraries print is no answer.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin.buffer:
        answers.write(READ if _read_apart(Path(os.fsdecode(line.rstrip(b"\n")))) else REFUSED)
        answers.flush()


def _read_apart(file: Path) -> bool:
    if not hasattr(os, "fork"):
        return _read(file)
    if (reader := os.fork()) == 0:
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_CPU, (MOST_CPU_S, MOST_CPU_S))
        os._exit(0 if _read(file) else 1)
    return os.waitpid(reader, 0)[1] == 0


def _read(file: Path) -> bool:
    import SimpleITK as sitk

    try:
        np.save(_result_of(file), sitk.GetArrayFromImage(sitk.ReadImage(str(file))))
    except Exception:
        return False
    return True


if __name__ == "__main__":
    _serve()
