"""What `remnant audit` does with a folder of the owner's: begin one, check it, say how long it takes, audit it."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import typer

from remnant.audit.cells.piece import Piece
from remnant.base.errors import RemnantError
from remnant.cli.forecast import forecast_lines
from remnant.cli.options import typed
from remnant.cli.unfinished import told_to_go_on
from remnant.cli.verdict import EXIT_CODES

if TYPE_CHECKING:
    from remnant.audit.config import AuditConfig
    from remnant.audit.owner.process import Task

SETTINGS = "audit.toml"


def begin(folder: Path, source: Path | None) -> NoReturn:
    """Write a folder to start from, with what the weights `source` tell."""
    from remnant.audit.owner.starter import check_new, write_starter
    from remnant.base.progress import say

    check_new(folder)
    known = None
    if source:
        from remnant.targets.files.kind import kind_of_file

        # Before PyTorch is imported, which takes seconds.
        kind_of_file(source)
        from remnant.audit.owner.known import known_of

        known = known_of(source)
    for path in write_starter(folder, known):
        print(path)
    for sentence in known.said if known else ():
        say(sentence)
    say(f"Fill in the places marked TODO; `remnant audit {folder} --check` says what is still to be done.")
    raise typer.Exit


def audit_folder(
    folder: Path,
    place: Path,
    config: Path | None,
    task: "Task",
    *,
    seed: int | None,
    minutes: float | None,
    workers: int | str,
    resume: bool,
    quiet: bool,
) -> None:
    """Do the `task` on a folder with audit.toml and target.py; returns where it was audited."""
    settings = config or folder / SETTINGS
    if not settings.is_file():
        raise RemnantError(f"{folder} has no {SETTINGS}; `remnant audit --init {folder}` writes one to start from.")
    from remnant.audit.config import config_of, what_fits_of
    from remnant.audit.owner.before import faults_before

    given = {"seed": seed, "minutes": minutes}
    faults: list[str] = []
    if task == "check":
        # With the defaults in the place of what does not fit, target.py is looked at in the same round.
        read, faults = what_fits_of(settings, scenario="checkpoint", **given)
    else:
        read = config_of(settings, scenario="checkpoint", **given)
    if isinstance(workers, str) and read.minutes:
        raise RemnantError("What fits into minutes is reckoned for this machine; leave minutes out with --cluster.")
    found = _worked(folder, place, read, task, workers=workers, resume=resume, quiet=quiet)
    if task == "estimate":
        for line in forecast_lines([Piece(**one) for one in found["pieces"]], found["not_run"]):
            print(line)
        raise typer.Exit
    if task == "check":
        # A build by the default name, and what keeps a model from being cleared, may follow from a setting still to be mended.
        of_target = any(said.startswith(f"{settings}: target") for said in faults)
        follows = faults_before(folder, read).get("build") if of_target else None
        other = [said for said in found["faults"] if said != follows]
        checked(folder, [*faults, *other], [] if faults else found["doubts"])


def checked(folder: Path, faults: Sequence[str], doubts: Sequence[str], notes: Sequence[str] = ()) -> NoReturn:
    """Say what a check found: `notes` of what is assumed, `faults` for which there is no audit, and `doubts` for which it would
    clear nobody."""
    for note in notes:
        print(note)
    for number, said in enumerate([*faults, *doubts], 1):
        print(f"{number}. {said}")
    if faults:
        raise typer.Exit(2)
    print(f"{folder} can be audited{', but would clear nobody' if doubts else ''}.")
    raise typer.Exit(EXIT_CODES["cannot tell"] if doubts else 0)


def _worked(
    folder: Path, place: Path, config: "AuditConfig", task: "Task", *, workers: int | str, resume: bool, quiet: bool
) -> dict[str, Any]:
    from remnant.audit.owner.before import faults_before
    from remnant.audit.owner.process import in_own_process
    from remnant.base.run import Run

    if task != "check":
        # Before PyTorch and the owner's code take their time. A check runs all of it, and says all at once.
        for fault in faults_before(folder, config).values():
            raise RemnantError(fault)
    if task == "audit":
        Run.free(place, "audit", resume=resume)
    how = {"resume": resume, "quiet": quiet, "command": typed(), "workers": workers}
    with told_to_go_on(place if task == "audit" else None):
        return in_own_process(folder, place, config, task=task, **how)
