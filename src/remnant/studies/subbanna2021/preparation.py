"""The study's cohort, dealt into folds, and each fold's scans as a run keeps them for its cells."""

import math
from pathlib import Path

from remnant.base.errors import RemnantError
from remnant.base.progress import say
from remnant.base.run import Run
from remnant.base.seeds import Seeds
from remnant.cohort.case import OWN_LABELS, Cohort, Fold
from remnant.cohort.folds import swap_folds, three_group_folds, two_group_folds
from remnant.cohort.prepare.align import align
from remnant.cohort.prepare.template import build_template
from remnant.cohort.prepare.volumes import prepare
from remnant.studies.subbanna2021.folds import fold_file, write_fold
from remnant.studies.subbanna2021.settings import StudySettings


def with_classes_of(cohort: Cohort, settings: StudySettings) -> StudySettings:
    """The settings, with the data set's own classes where it names some and not the study's, as that of nnU-Net does."""
    preparation = settings.preparation
    if preparation.scheme in cohort.schemes or OWN_LABELS not in cohort.schemes:
        return settings
    say(f"remnant: {cohort.root} does not say what is {preparation.scheme}; the classes are its own labels.")
    return settings.changed(preparation=preparation.changed(scheme=OWN_LABELS))


def deal(cohort: Cohort, settings: StudySettings) -> tuple[Fold, ...]:
    patients, seeds, sessions = cohort.patients, Seeds(settings.seed), cohort.sessions
    if settings.design == "swap":
        return swap_folds(patients, seeds=seeds, group=settings.group, sessions=sessions)
    deal = three_group_folds if settings.design == "three_groups" else two_group_folds
    return deal(patients, seeds=seeds, n_folds=settings.folds, sessions=sessions)


def prepare_folds(
    run: Run, cohort: Cohort, settings: StudySettings, cache: Path | None, workers: int, quiet: bool
) -> None:
    """Each fold's scans on the grid of its own template, which only the attacker's patients helped to make."""
    folds = deal(cohort, settings)
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
