"""The study from cohort to report."""

from pathlib import Path

from remnant.base.errors import RemnantError
from remnant.base.run import Run
from remnant.cohort.layouts.read import read_cohort
from remnant.cohort.notes import log_notes
from remnant.cohort.phantoms import BrainPhantoms, write_bids
from remnant.cohort.prepare.volumes import check_headers
from remnant.engine.cells import Cell
from remnant.studies.forecast import foretell
from remnant.studies.frame import (
    RunOptions,
    carry_out,
    phantom_cohort,
)
from remnant.studies.subbanna2021.conclude import STUDY, conclude
from remnant.studies.subbanna2021.estimate import costs_of, scans_piece
from remnant.studies.subbanna2021.experiments import LABELS
from remnant.studies.subbanna2021.folds import SUBJECTS
from remnant.studies.subbanna2021.plan import cells_of
from remnant.studies.subbanna2021.preparation import deal, prepare_folds, with_classes_of
from remnant.studies.subbanna2021.settings import StudySettings

# What the smoke preset runs on when no data is given.
SMOKE_PHANTOMS = BrainPhantoms(patients=6, sessions=2, side=32)


def run_study(
    settings: StudySettings, options: RunOptions, *, data: Path | None = None, cache: Path | None = None
) -> Path:
    """Run the study into `options.out` and return the path of its report.

    `data`: a cohort directory; the preset `smoke` makes phantoms where none is given. Raises `RemnantError` for input that does
    not serve.
    """
    if data is None and settings.preset != "smoke":
        raise RemnantError(f"The preset '{settings.preset}' needs a cohort; give its directory with --data.")
    cohort = None
    if data and not Run(options.out).results.exists():
        # Before there is a run, which input that does not serve would leave behind.
        cohort = read_cohort(data)
        check_headers(cohort)
        deal(cohort, settings)
    # As it was asked for: what of the labels there is to segment is known of the cohort alone.
    config = {**settings.resolved(), "data": data and str(data)}
    settings = with_classes_of(cohort, settings) if cohort else settings

    def prepare_cells(run: Run) -> list[Cell]:
        nonlocal cohort
        # In this process: workers take longer to start than these to be drawn.
        cohort = cohort or phantom_cohort(run, lambda out: write_bids(SMOKE_PHANTOMS, out, quiet=options.quiet))
        log_notes(run, cohort)
        prepare_folds(run, cohort, settings, cache, options.workers, options.quiet)
        cells = cells_of(settings)
        foretell(run, cells, options, lambda: costs_of(run, settings), scans_piece(run, settings))
        return cells

    return carry_out(
        STUDY,
        options,
        config,
        prepare_cells,
        lambda run, cells: conclude(run, cohort, cells, settings, options.command, keep=options.keep),
        passing=("folds", "phantoms"),
        drawn=("reconstructions", "bendings", SUBJECTS),
        cohorts={"data": cohort} if cohort else {},
        labels=LABELS,
    )
