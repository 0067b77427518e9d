"""A disk that is full."""

import resource
from contextlib import contextmanager


@contextmanager
def room_of(size):
    """A disk on which no file may have more than `size` bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
