"""The frame of every study: begin or go on, prepare, do the cells, write results and report, remove what is patient data."""

import shutil
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pandas as pd

from remnant.audit.cells.piece import Piece
from remnant.base import provenance
from remnant.base.errors import RemnantError
from remnant.base.files import atomic_path
from remnant.base.progress import say
from remnant.base.results import Results, Row
from remnant.base.run import Run
from remnant.cohort.case import Cohort
from remnant.cohort.layouts.read import read_cohort
from remnant.cohort.unchanged import require_unchanged
from remnant.engine.cells import Cell, run_cells
from remnant.report.page import make_report
from remnant.report.words import labelled

Cells = dict[str, dict[str, Any]]

# What a report's first line calls it.
STUDY_OF_OURS = "Study of networks that Remnant trained itself"


@dataclass(frozen=True)
class RunOptions:
    """Options of a run; none of them changes a number.

    Unless `keep_reconstructions` or `show_images`, what was drawn of patients is removed when the run is finished. `workers`
    cells run at a time, each in its own process. `command` is what somebody types to make the result again. `foretold(pieces,
    workers)` hears what the run will take, before it starts; None where nobody does.
    """

    out: Path
    resume: bool = False
    keep_reconstructions: bool = False
    show_images: bool = False
    workers: int = 1
    quiet: bool = False
    command: str = ""
    foretold: Callable[[Sequence[Piece], int], None] | None = None

    @property
    def keep(self) -> bool:
        """Whether reconstructions stay."""
        return self.keep_reconstructions or self.show_images


def carry_out(
    study: str,
    options: RunOptions,
    config: Mapping[str, Any],
    prepare: Callable[[Run], list[Cell]],
    conclude: Callable[[Run, Cells], Results],
    *,
    passing: Iterable[str],
    drawn: Iterable[str],
    growing: Collection[str] = (),
    cohorts: Mapping[str, Cohort] | None = None,
    labels: Mapping[str, str] = MappingProxyType({}),
) -> Path:
    """Run a study in its directory and return the path of its report.

    `prepare(run)` puts into the run what the cells read, and returns them; `conclude(run, cells)` makes the results of what
    they returned, by name. Of RUN/private the folders `passing` are removed at the end, `drawn` unless they are to be kept.
    A run with results is not begun again: its report is. Of the lists `growing` in its settings it may be asked for more, and
    then does what is new, as long as it kept what was drawn. `cohorts`: the user's own, by what the study calls them, none where
    they were not read since the run has results. `labels`: what the study calls its stored values. Raises `RemnantError` as
    `Run.start`, `require_unchanged` and `run_cells` do.
    """
    # Kept in the run, so that going on with it cannot throw away what was to be kept.
    config = {**config, "keep_reconstructions": options.keep}
    with Run.start(options.out, study, config, resume=options.resume, growing=growing) as run:
        more = run.asks_more(config, growing)
        if more and run.results.exists() and not options.keep:
            raise RemnantError(
                f"{options.out} is finished, and what more {' and '.join(more)} would be compared with was removed from it as "
                "patient data; ask for all of them in a new --out, or keep it there with --keep-reconstructions."
            )
        if cohorts and (more or not run.results.exists()):
            require_unchanged(run, cohorts, quiet=options.quiet)
        if more:
            run.take_on(config)
        if not run.results.exists():
            # What this process has loaded: the checkout may go on while the run does.
            run.log("study", "start", commit=provenance.commit())
            cells = run_cells(run, prepare(run), workers=options.workers, quiet=options.quiet)
            run.log("study", "end")
            with labelled(labels):
                results = conclude(run, cells).model_copy(update={"labels": dict(labels)})
            if "scores" in results.tables:
                _write_scores(run.path / "scores.csv", results.tables["scores"])
            results.write(run.results)
        report = make_report(run.path)
        if not options.quiet:
            results = Results.read(run.results)
            for reason in results.no_conclusion:
                say(f"No conclusion: {reason}")
            if results.left_open:
                say(" ".join(results.left_open))
        for name in (*passing, *(() if options.keep else drawn)):
            shutil.rmtree(run.private / name, ignore_errors=True)
        return make_report(run.path, show_images=True) if options.show_images else report


def phantom_cohort(run: Run, write: Callable[[Path], None], name: str = "phantoms") -> Cohort:
    """A smoke preset's own patients in RUN/private/<name>, by `write(directory)`, whole or not there at all."""
    folder = run.private / name
    if not folder.exists():
        for unfinished in run.private.glob(f".{name}.partial-*"):
            shutil.rmtree(unfinished, ignore_errors=True)
        write(folder)
    return read_cohort(folder)


def provenance_of(run: Run, cells: Cells) -> dict[str, Any]:
    """The fields of `Results` that say where the numbers come from: time, machine, versions, the checkpoints' hashes.

    The hash of a checkpoint is what a cell returns as `sha256`, beside its file's name as `checkpoint`. The commit is that at
    the start; of a run that went on after the code had changed, every one in order, and `cell_commits` which cell is whose.
    """
    events = run.events()
    starts = [event for event in events if (event["cell"], event["event"]) == ("study", "start")]
    commits = dict.fromkeys(event["commit"] for event in starts if event.get("commit"))
    # A run that was begun before cells counted it has cells without.
    worked = [cell.get("cpu_seconds") for cell in cells.values()]
    return {
        "seconds": round(seconds_worked(events), 1),
        "cpu_seconds": None if None in worked else round(sum(worked), 1),
        "started": events[0]["time"],
        "hardware": provenance.hardware(),
        "versions": provenance.versions() | {"commit": ", ".join(commits) or None},
        "checkpoints": {cell["checkpoint"]: cell["sha256"] for cell in cells.values() if "sha256" in cell},
        "cell_commits": _cell_commits(events, cells) if len(commits) > 1 else {},
    }


def training_rows(events: list[dict[str, Any]], describe: Callable[[str], Row]) -> list[Row]:
    """Losses of every epoch, of the last start of each cell: what a killed process left does not count.

    `describe(name)` gives the columns that a cell's name stands for.
    """
    rows: dict[str, list[Row]] = {}
    for event in events:
        name = event["cell"]
        if event["event"] == "start":
            rows[name] = []
        elif event["event"] == "epoch":
            losses = {key: event[key] for key in ("epoch", "loss", "validation")}
            rows[name].append({"cell": name, **describe(name), **losses})
    return [row for name in sorted(rows) for row in rows[name]]


def _cell_commits(events: list[dict[str, Any]], cells: Collection[str]) -> dict[str, str]:
    """By cell the commit at the start of the study before which it was finished for the last time."""
    found: dict[str, str] = {}
    commit = "unknown"
    for event in events:
        if (event["cell"], event["event"]) == ("study", "start"):
            commit = event.get("commit") or "unknown"
        elif event["event"] == "end" and event["cell"] in cells:
            found[event["cell"]] = commit
    return found


def seconds_worked(events: list[dict[str, Any]]) -> float:
    """Wall time from each start of the study to the last that was heard of it, summed over resumptions."""
    total, last = 0.0, None
    for event in events:
        now = datetime.fromisoformat(event["time"]).timestamp()
        if (event["cell"], event["event"]) != ("study", "start") and last is not None:
            # A clock that is set back meanwhile takes nothing off.
            total += max(0.0, now - last)
        last = now
    return total


def _write_scores(path: Path, rows: list[Row]) -> None:
    with atomic_path(path) as temporary:
        pd.DataFrame(rows).to_csv(temporary, index=False)
