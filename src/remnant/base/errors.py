"""The one exception that a user is meant to see."""

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path

from remnant.base.texts import printable, short

NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
WRONG_PATH = {
    errno.EACCES,
    errno.EPERM,
    errno.EROFS,
    errno.EEXIST,
    errno.EISDIR,
    errno.ENOTDIR,
    errno.ENAMETOOLONG,
    errno.ELOOP,
    errno.EIO,
    # Of a share whose server went away.
    errno.ESTALE,
    errno.ENOTCONN,
    errno.EHOSTDOWN,
}


class RemnantError(Exception):
    """Something the user can mend: one sentence that says what is wrong, where, and how to mend it.

    The command line prints it without a traceback and exits with code 2. Whatever stands in a sentence, names of a
    stranger's file say, it stays on one line and moves no cursor.
    """

    def __init__(self, sentence: str) -> None:
        super().__init__(printable(sentence))


def no_room(error: BaseException | None) -> OSError | None:
    """The error of a full disk that `error` is, or that a library turned into it; None where there is none such."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in NO_ROOM:
            return error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return None


def disk_sentence(error: Exception, then: str = "add --resume") -> str:
    """What a user can do about a full disk, a wrong path or missing rights, in one sentence; empty for any other error.

    `then`: what to do once there is room.
    """
    found = full = no_room(error)
    if full is None and isinstance(error, OSError) and error.errno in WRONG_PATH:
        found = error
    if found is None:
        return ""
    place = found.filename or "the disk of the run or of the cache"
    mend = f"make room, then {then}" if full else "check the path and your rights to it"
    return f"{os.strerror(found.errno)}: {place}; {mend}."


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
