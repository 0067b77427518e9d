"""What a full disk is called where a command knows whose folder lies on it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from remnant.base.errors import RemnantError, no_room


@contextmanager
def room(folder: Path, then: str) -> Iterator[None]:
    """Say of a full disk what to do then; these commands have no --resume."""
    try:
        yield
    except RemnantError:
        raise
    except Exception as error:
        if no_room(error) is None:
            raise
        raise RemnantError(f"The disk of {folder} is full; make room, {then}.") from None
