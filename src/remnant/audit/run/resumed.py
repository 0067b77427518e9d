"""An audit that is gone on with in another time than it was begun with: which of its finished cells still hold."""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from remnant.base.files import read_json, write_json
from remnant.base.run import Run

EARLY = "early"


def is_done(run: Run, piece: str) -> bool:
    """Whether a piece of the forecast, an attack or a control, is finished."""
    return any(_cell(run, name).exists() for name in (piece, f"attack-{piece}"))


def forget_stopped(run: Run, minutes: float | None) -> None:
    """Let first shadow models that were stopped for want of time be trained again where now there are other `minutes`."""
    if _planned(run).get("minutes", 0) == minutes:
        return
    for cell in _cell(run, "").parent.glob("shadow-*.json"):
        if not read_json(cell)["trained"]:
            cell.unlink()


def keep_what_holds(
    run: Run, minutes: float | None, attacks: Sequence[str], shadows: int, reading: Collection[str]
) -> None:
    """Remove the finished cells that looked with other scoring `attacks`, or by another number of `shadows`, than are run now.

    The planted is looked at by every attack, and networks of the same training by those that are not `reading` all of these.
    """
    was, now = _planned(run), {"minutes": minutes, "attacks": list(attacks), "shadows": shadows}
    stale: list[str] = []
    if was and was["attacks"] != now["attacks"]:
        stale += ["planted", "recipe", "canaries", EARLY]
        before, after = ([name for name in names if name not in reading] for names in (was["attacks"], attacks))
        stale += [] if before == after else ["shadow-*"]
    if was and was["shadows"] != shadows:
        stale += ["planted", "recipe", "canaries", *(f"attack-{name}" for name in reading)]
    for pattern in stale:
        for path in _cell(run, "").parent.glob(f"{pattern}.json"):
            path.unlink(missing_ok=True)
    write_json(_cell(run, "plan"), now)


def early_end(run: Run) -> bool | None:
    """Whether an early look ended the training of shadow models, None where none was taken."""
    return read_json(_cell(run, EARLY))["ends"] if _cell(run, EARLY).exists() else None


def keep_early_end(run: Run, ends: bool) -> None:
    """Remember it: a run that is gone on with looks no second time."""
    write_json(_cell(run, EARLY), {"ends": ends})


def _planned(run: Run) -> dict[str, Any]:
    return read_json(_cell(run, "plan")) if _cell(run, "plan").exists() else {}


def _cell(run: Run, name: str) -> Path:
    return run.path / "cells" / f"{name}.json"
