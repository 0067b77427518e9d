"""The study from cohort to report."""

import math
from pathlib import Path

from remnant.base.errors import RemnantError
from remnant.base.progress import say
from remnant.base.results import Results, Row
from remnant.base.run import Run
from remnant.base.seeds import Seeds
from remnant.cohort.case import OWN, Cohort, Fold
from remnant.cohort.folds import swap_folds, three_group_folds, two_group_folds
from remnant.cohort.layouts.read import read_cohort
from remnant.cohort.notes import log_notes, phantom_notices
from remnant.cohort.phantoms import BrainPhantoms, write_bids
from remnant.cohort.prepare.align import align
from remnant.cohort.prepare.template import build_template
from remnant.cohort.prepare.volumes import check_headers, prepare
from remnant.engine.cells import Cell
from remnant.studies.forecast import foretell
from remnant.studies.frame import (
    STUDY_OF_OURS,
    Asked,
    Cells,
    carry_out,
    phantom_cohort,
    provenance_of,
    training_rows,
)
from remnant.studies.judged import judged_tables
from remnant.studies.subbanna2021 import page
from remnant.studies.subbanna2021.cells import SUBJECTS
from remnant.studies.subbanna2021.claims import findings_of, keep_pairs
from remnant.studies.subbanna2021.estimate import costs_of, scans_piece
from remnant.studies.subbanna2021.folds import fold_file, write_fold
from remnant.studies.subbanna2021.labels import LABELS
from remnant.studies.subbanna2021.plan import cells_of
from remnant.studies.subbanna2021.settings import StudySettings
from remnant.studies.subbanna2021.tables import make_tables

STUDY = "subbanna2021"
# What the smoke preset runs on when no data is given.
SMOKE_PHANTOMS = BrainPhantoms(patients=6, sessions=2, side=32)


def run_study(settings: StudySettings, asked: Asked, *, data: Path | None = None, cache: Path | None = None) -> Path:
    """Run the study into `asked.out` and return the path of its report.

    `data`: a cohort directory; the preset `smoke` makes phantoms where none is given. Raises `RemnantError` for input that does
    not serve.
    """
    if data is None and settings.preset != "smoke":
        raise RemnantError(f"The preset '{settings.preset}' needs a cohort; give its directory with --data.")
    cohort = None
    if data and not Run(asked.out).results.exists():
        # Before there is a run, which input that does not serve would leave behind.
        cohort = read_cohort(data)
        check_headers(cohort)
        _deal(cohort, settings)
    # As it was asked for: what of the labels there is to segment is known of the cohort alone.
    config = {**settings.resolved(), "data": data and str(data)}
    settings = with_classes_of(cohort, settings) if cohort else settings

    def prepare_cells(run: Run) -> list[Cell]:
        nonlocal cohort
        # In this process: workers take longer to start than these to be drawn.
        cohort = cohort or phantom_cohort(run, lambda out: write_bids(SMOKE_PHANTOMS, out, quiet=asked.quiet))
        log_notes(run, cohort)
        _prepare_folds(run, cohort, settings, cache, asked.workers, asked.quiet)
        cells = cells_of(settings)
        foretell(run, cells, asked, lambda: costs_of(run, settings), scans_piece(run, settings))
        return cells

    return carry_out(
        STUDY,
        asked,
        config,
        prepare_cells,
        lambda run, cells: _results(run, cohort, cells, settings, asked.command, keep=asked.keep),
        passing=("folds", "phantoms"),
        drawn=("reconstructions", "bendings", SUBJECTS),
        cohorts={"data": cohort} if cohort else {},
        labels=LABELS,
    )


def with_classes_of(cohort: Cohort, settings: StudySettings) -> StudySettings:
    """The settings, with the data set's own classes where it names some and not the study's, as that of nnU-Net does."""
    preparation = settings.preparation
    if preparation.scheme in cohort.schemes or OWN not in cohort.schemes:
        return settings
    say(f"remnant: {cohort.root} does not say what is {preparation.scheme}; the classes are its own labels.")
    return settings.changed(preparation=preparation.changed(scheme=OWN))


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


def _results(run: Run, cohort: Cohort, cells: Cells, settings: StudySettings, command: str, *, keep: bool) -> Results:
    if keep:
        keep_pairs(run, settings)
    found, controls = findings_of(run, cells, settings)
    tables = make_tables(cells, settings.networks, settings.experiments, Seeds(settings.seed))
    tables |= {**judged_tables(found, controls), "training": training_rows(run.events(), _trained)}
    return Results(
        study=STUDY,
        title=page.TITLE,
        subject=STUDY_OF_OURS,
        notices=phantom_notices([cohort]),
        preset=settings.preset,
        command=command,
        patients=len(cohort.patients),
        scans=len(cohort.cases),
        seed=settings.seed,
        settings=settings.resolved(),
        tables=tables,
        **provenance_of(run, cells),
        **page.words(tables, found, cells, settings, cohort),
    )


def _trained(cell: str) -> Row:
    """What was trained in a cell, by its name."""
    kind, network, fold = cell.split("-")[:3]
    return {
        "network": network,
        "kind": "decoder" if kind == "attack" else kind,
        "fold": int(fold.removeprefix("fold")),
    }
