"""The one exception that a user is meant to see."""

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path

from remnant.base.texts import printable, short

NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
WRONG_PATH = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.ENAMETOOLONG, errno.ELOOP, errno.EIO}


class RemnantError(Exception):
    """Something the user can mend: one sentence that says what is wrong, where, and how to mend it.

    The command line prints it without a traceback and exits with code 2. Whatever stands in a sentence, names of a
    stranger's file say, it stays on one line and moves no cursor.
    """

    def __init__(self, sentence: str) -> None:
        super().__init__(printable(sentence))


def disk_sentence(error: OSError, then: str = "add --resume") -> str:
    """What a user can do about a full disk, a wrong path or missing rights, in one sentence; empty for any other error.

    `then`: what to do once there is room.
    """
    if error.errno not in NO_ROOM | WRONG_PATH:
        return ""
    place = error.filename or "the disk of the run or of the cache"
    mend = f"make room, then {then}" if error.errno in NO_ROOM else "check the path and your rights to it"
    return f"{os.strerror(error.errno)}: {place}; {mend}."


@contextlib.contextmanager
def foreign(path: Path, wrong: str, mend: str, *, told: bool = True) -> Iterator[None]:
    """The border to another's code that reads the stranger's file `path`: whatever it raises becomes one `RemnantError`.

    A damaged file may make a library raise anything, a want of memory and too deep a recursion included. `wrong` is what is the
    matter, after the path, `mend` what to do; what the library says stands between them, unless it may quote the file (`told`).
    """
    try:
        yield
    except RemnantError:
        raise
    except Exception as error:
        said = (getattr(error, "strerror", None) or str(error) or type(error).__name__) if told else ""
        raise RemnantError(f"{path} {wrong}{f' ({short(said)})' if said else ''}; {mend}.") from None
