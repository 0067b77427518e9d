"""The memory of a training: what a step frees is kept for the next step, which asks for the same again.

glibc gives buffers of more than 32 MiB back to the system as soon as they are freed, and the system clears every page that it
gives out again: a third of the steps of a DenseNet on volumes was spent there.
"""

import contextlib
import ctypes
from collections.abc import Iterator
from functools import cache

# Names and values of glibc's malloc.h.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_MMAP_MAX = -1, -3, -4
KEPT = {M_MMAP_MAX: 0, M_TRIM_THRESHOLD: 2**31 - 1}
# Where malloc's own thresholds, which move with what is freed, come to rest.
USUAL = {M_MMAP_MAX: 65_536, M_MMAP_THRESHOLD: 2**25, M_TRIM_THRESHOLD: 2**26}


@contextlib.contextmanager
def freed_memory_kept() -> Iterator[None]:
    """What is freed within stays with the process until the end, where all of it goes back; nothing happens without glibc.

    The process is as large as at its largest, and by gaps between buffers a third more.
    """
    libc = _glibc()
    if libc is None:
        yield
        return
    _set(libc, KEPT)
    try:
        yield
    finally:
        _set(libc, USUAL)
        libc.malloc_trim(0)


@cache
def _glibc() -> ctypes.CDLL | None:
    try:
        libc = ctypes.CDLL(None)
        return libc if hasattr(libc, "mallopt") and hasattr(libc, "malloc_trim") else None
    except (OSError, TypeError):
        return None


def _set(libc: ctypes.CDLL, options: dict[int, int]) -> None:
    for name, value in options.items():
        libc.mallopt(name, value)
