"""What a command says of a run that ended early."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import typer

from remnant.base.errors import RemnantError
from remnant.cli.verdict import FAULT, FAULT_SAID


@contextmanager
def told_to_go_on(place: Path | None) -> Iterator[None]:
    """Work that fills the run directory `place`, None where it leaves nothing: where the input or the machine ends it early, how
    to go on is said. A fault of ours in the worker process, whose traceback stands above, is an exit by its own code."""
    from remnant.audit.owner.process import WorkerError
    from remnant.base.progress import say

    try:
        yield
    except RemnantError:
        if place and (place / "run.json").exists():
            say(f"What was done is kept in {place}; add --resume to go on from there.")
        raise
    except WorkerError:
        say(FAULT_SAID)
        raise typer.Exit(FAULT) from None
