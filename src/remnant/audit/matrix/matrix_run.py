"""`remnant matrix`: the mitigation of each network in a run directory of its own, and all of them in one table."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from remnant.audit.cells.kept import kept_roles
from remnant.audit.cells.piece import Piece
from remnant.audit.matrix.matrix_file import MatrixFile, MatrixTarget
from remnant.audit.matrix.matrix_results import STUDY, conclude_matrix
from remnant.audit.mitigation.attempt_cells import audit_of
from remnant.audit.mitigation.attempts import NONE
from remnant.audit.owner.process import Task, in_own_process
from remnant.audit.run.results import Clock, machine
from remnant.base.progress import say
from remnant.base.results import Results
from remnant.base.run import AUDITS, Run
from remnant.base.texts import counted
from remnant.engine.cells import Workers


def make_matrix(
    matrix: MatrixFile,
    out: Path,
    *,
    workers: Workers = 1,
    command: str = "",
    resume: bool = False,
    quiet: bool = False,
) -> Results:
    """Try the defences on every network, one network after the other, and leave results.json in the run directory `out`.

    The mitigation of each lies in OUT/audits, goes on where it was stopped, and takes more defences than it was begun with; the
    matrix takes more networks. `workers`: as `mitigate` takes them. Raises `RemnantError` as that does.
    """
    clock = Clock()
    settings = matrix.resolved() | {"targets": [one.name for one in matrix.targets]}
    kept = {"targets": settings["targets"]}
    with Run.start(out, STUDY, kept, resume=resume, growing=("targets",)) as run:
        if run.asks_more(kept, ("targets",)):
            run.take_on(kept)
        before = run.events()
        found, people = {}, {}
        for number, target in enumerate(matrix.targets, 1):
            if not quiet:
                say(f"Network {number} of {counted(len(matrix.targets), 'network')}: {target.name}.")
            began, place = time.monotonic(), run.path / AUDITS / target.name
            going_on = (place / "run.json").exists()
            _worked(matrix, target, place, "mitigate", workers=workers, command=command, resume=going_on, quiet=quiet)
            run.log(target.name, "end", seconds=round(time.monotonic() - began, 2), cpu_seconds=0.0)
            found[target.name] = Results.read(place / "results.json")
            people[target.name] = frozenset(kept_roles(Run(audit_of(Run(place), NONE))).items())
        results = conclude_matrix(matrix.title, found, people, settings, machine(clock, command, before))
        results.write(run.results)
    return results


def matrix_forecast(matrix: MatrixFile, out: Path, *, quiet: bool = False) -> tuple[list[Piece], dict[str, str]]:
    """What each defence of each network takes, a training of each being timed; and why others are not tried, by network and
    defence."""
    pieces: list[Piece] = []
    not_tried: dict[str, str] = {}
    for target in matrix.targets:
        how = {"workers": 1, "command": "", "resume": False, "quiet": quiet}
        found = _worked(matrix, target, out, "estimate of mitigate", **how)
        for one in found["pieces"]:
            pieces.append(Piece(**one | {"name": f"{target.name}: {one['name']}"}))
        not_tried |= {f"{target.name}: {words}": why for words, why in found["not_run"].items()}
    return pieces, not_tried


def _worked(matrix: MatrixFile, target: MatrixTarget, place: Path, task: Task, **how: Any) -> Mapping[str, Any]:
    more = {"audit": None, "defences": matrix.asked_of(target), "strengths": matrix.strengths}
    return in_own_process(target.folder, place, target.audited, task=task, **how, more=more)
