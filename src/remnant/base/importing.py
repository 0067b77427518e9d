"""Imports of what takes seconds to import."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def importing() -> Iterator[None]:
    """Within, nothing is looked through for garbage: what is imported stays, and it took a fifth of the import of PyTorch and
    MONAI."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()
