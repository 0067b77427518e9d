"""The study from cohort to report."""

import math
import shutil
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd

from remnant.base import provenance
from remnant.base.errors import RemnantError
from remnant.base.files import atomic_path
from remnant.base.results import Results, Row
from remnant.base.run import Run
from remnant.base.seeds import Seeds
from remnant.cohort.align import align
from remnant.cohort.case import Cohort, Fold
from remnant.cohort.folds import swap_folds, three_group_folds, two_group_folds
from remnant.cohort.phantoms import BrainPhantoms, write_bids
from remnant.cohort.prepare import check_headers, prepare
from remnant.cohort.read import read_cohort
from remnant.cohort.template import build_template
from remnant.engine.cells import run_cells
from remnant.report.page import make_report
from remnant.studies.subbanna2021 import page
from remnant.studies.subbanna2021.estimate import foretell
from remnant.studies.subbanna2021.folds import fold_file, write_fold
from remnant.studies.subbanna2021.plan import cells_of
from remnant.studies.subbanna2021.settings import StudySettings
from remnant.studies.subbanna2021.tables import make_tables

STUDY = "subbanna2021"
# What the smoke preset runs on when no data is given.
SMOKE_PHANTOMS = BrainPhantoms(patients=6, sessions=2, side=32)


def run_study(
    settings: StudySettings,
    out: Path,
    *,
    data: Path | None = None,
    cache: Path | None = None,
    resume: bool = False,
    keep_reconstructions: bool = False,
    show_images: bool = False,
    workers: int = 1,
    quiet: bool = False,
    command: str = "",
) -> Path:
    """Run the study into the directory `out` and return the path of its report.

    `data`: a cohort directory; the preset `smoke` makes phantoms where none is given. Unless `keep_reconstructions` or
    `show_images`, the scans, reconstructions and inversion decoders in the run are removed when it is finished. `workers`
    cells run at a time, each in its own process. Raises `RemnantError` for input that does not serve.
    """
    if data is None and settings.preset != "smoke":
        raise RemnantError(f"The preset '{settings.preset}' needs a cohort; give its directory with --data.")
    cohort = None
    if data and not Run(out).results.exists():
        # Before there is a run, which input that does not serve would leave behind.
        cohort = read_cohort(data)
        check_headers(cohort)
        _deal(cohort, settings)
    keep = keep_reconstructions or show_images
    # Kept in the run, so that going on with it cannot throw away what was to be kept.
    config = {**settings.resolved(), "data": data and str(data), "keep_reconstructions": keep}
    with Run.start(out, STUDY, config, resume=resume) as run:
        if not run.results.exists():
            run.log("study", "start")
            cohort = cohort or _phantoms(run, workers, quiet)
            _prepare_folds(run, cohort, settings, cache, workers, quiet)
            foretell(run, settings, workers)
            cells = run_cells(run, cells_of(settings), workers=workers, quiet=quiet)
            run.log("study", "end")
            results = _results(run, cohort, cells, settings, command)
            _write_scores(run.path / "scores.csv", results.tables["scores"])
            results.write(run.results)
        report = make_report(run.path)
        for name in ("folds", "phantoms", *(() if keep else ("reconstructions", "bendings", "decoders"))):
            shutil.rmtree(run.private / name, ignore_errors=True)
        return make_report(run.path, show_images=True) if show_images else report


def _phantoms(run: Run, workers: int, quiet: bool) -> Cohort:
    """The smoke preset's own patients, whole or not there at all."""
    folder = run.private / "phantoms"
    if not folder.exists():
        for unfinished in run.private.glob(".phantoms.partial-*"):
            shutil.rmtree(unfinished, ignore_errors=True)
        write_bids(SMOKE_PHANTOMS, folder, workers=workers, quiet=quiet)
    return read_cohort(folder)


def _deal(cohort: Cohort, settings: StudySettings) -> tuple[Fold, ...]:
    patients, seeds, sessions = cohort.patients, Seeds(settings.seed), cohort.sessions
    if settings.design == "swap":
        return swap_folds(patients, seeds=seeds, group=settings.group, sessions=sessions)
    deal = three_group_folds if settings.design == "three_groups" else two_group_folds
    return deal(patients, seeds=seeds, n_folds=settings.folds, sessions=sessions)


def _prepare_folds(
    run: Run, cohort: Cohort, settings: StudySettings, cache: Path | None, workers: int, quiet: bool
) -> None:
    """Each fold's scans on the grid of its own template, which only the attacker's patients helped to make."""
    folds = _deal(cohort, settings)
    if all(fold_file(run, fold.index).exists() for fold in folds):
        return
    # Noted before they are made, so that `purge` finds them whenever the work is stopped.
    note = run.keep_note_of
    heads = prepare(cohort, settings.preparation, cache=cache, workers=workers, quiet=quiet, announce=note)
    if math.prod(heads.grid.shape) <= 16**3:
        raise RemnantError(
            f"The heads in {cohort.root} span at most 16 voxels a side at {heads.grid.spacing:g} mm, too few for "
            "the networks' four levels; check the voxel sizes in the headers of the scans."
        )
    for fold in folds:
        template = None
        if settings.preparation.align:
            template = build_template(heads.select(fold.attacker), workers=workers, quiet=quiet, announce=note)
        prepared = align(heads, template, workers=workers, quiet=quiet, announce=note)
        write_fold(run, prepared, fold)


def _results(
    run: Run, cohort: Cohort, cells: dict[str, dict[str, Any]], settings: StudySettings, command: str
) -> Results:
    tables = make_tables(cells, settings.networks, settings.experiments, Seeds(settings.seed))
    events = run.events()
    tables["training"] = _training(events)
    return Results(
        study=STUDY,
        title=page.TITLE,
        preset=settings.preset,
        command=command,
        patients=len(cohort.patients),
        scans=len(cohort.cases),
        seed=settings.seed,
        seconds=round(seconds_worked(events), 1),
        started=events[0]["time"],
        hardware=provenance.hardware(),
        versions=provenance.versions(),
        checkpoints={cell["checkpoint"]: cell["sha256"] for cell in cells.values() if "sha256" in cell},
        settings=settings.resolved(),
        tables=tables,
        **page.words(tables, cells, settings, cohort),
    )


def _training(events: list[dict[str, Any]]) -> list[Row]:
    """Losses of every epoch, of the last start of each cell: what a killed process left does not count."""
    rows: dict[str, list[Row]] = {}
    for event in events:
        name = event["cell"]
        if event["event"] == "start":
            rows[name] = []
        elif event["event"] == "epoch":
            kind, network, fold = name.split("-")[:3]
            rows[name].append(
                {
                    "cell": name,
                    "network": network,
                    "kind": "decoder" if kind == "attack" else kind,
                    "fold": int(fold.removeprefix("fold")),
                    "epoch": event["epoch"],
                    "loss": event["loss"],
                    "validation": event["validation"],
                }
            )
    return [row for name in sorted(rows) for row in rows[name]]


def seconds_worked(events: list[dict[str, Any]]) -> float:
    """Wall time from each start of the study to the last that was heard of it, summed over resumptions."""
    total, since, last = 0.0, None, None
    for event in events:
        now = datetime.fromisoformat(event["time"]).timestamp()
        if event["cell"] == "study" and event["event"] == "start":
            if since is not None and last is not None:
                total += last - since
            since = now
        last = now
    return total + (last - since if since is not None and last is not None else 0.0)


def _write_scores(path: Path, rows: list[Row]) -> None:
    with atomic_path(path) as temporary:
        pd.DataFrame(rows).to_csv(temporary, index=False)
