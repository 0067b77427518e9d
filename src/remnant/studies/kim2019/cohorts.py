"""The study's cohorts, and their scans as a run keeps them for its cells."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from remnant.base.errors import RemnantError
from remnant.base.files import atomic_path
from remnant.base.run import Run
from remnant.base.seeds import Seeds
from remnant.base.store import keep
from remnant.cohort.case import Cohort
from remnant.cohort.folds import held_out
from remnant.cohort.images import Images
from remnant.cohort.layouts.read import read_cohort
from remnant.cohort.notes import log_notes
from remnant.cohort.phantoms import BrainPhantoms, write_bids
from remnant.cohort.prepare.grid import Grid
from remnant.cohort.visits import (
    FEWEST,
    Role,
    check_cohort,
    check_roles,
    prepare_scans,
    scheme_of,
    second_cohorts,
    second_scans,
)
from remnant.studies.frame import RunOptions, phantom_cohort
from remnant.studies.kim2019.materials import STUDY_COHORT, kept_scans, scans_file
from remnant.studies.kim2019.settings import StudySettings
from remnant.studies.kim2019.training import template_file


def deal(cohort: Cohort, settings: StudySettings) -> dict[str, Role]:
    """The role of every patient, by the study's seed.

    Where visits are simulated, patients who have real ones are tested, so that all of these are measured; otherwise they are
    spread evenly. Raises `RemnantError` as `held_out` does, and where a role has no two sessions of anybody.
    """
    seeds = Seeds(settings.seed).child("split")
    if settings.net.revisits is None:
        training, test = held_out(cohort.patients, seeds=seeds, share=settings.net.held_out, sessions=cohort.sessions)
        roles: dict[str, Role] = dict.fromkeys(training, "training") | dict.fromkeys(test, "test")
        check_roles(cohort, roles)
        return roles
    real = {patient for patient, sessions in cohort.sessions.items() if sessions > 1}
    once = [patient for patient in cohort.patients if patient not in real]
    wanted = settings.net.held_out * len(cohort.patients)
    share = max(wanted - len(real), FEWEST) / max(len(once), 1)
    training, test = held_out(once, seeds=seeds, share=min(share, 0.9))
    return dict.fromkeys(training, "training") | dict.fromkeys([*test, *sorted(real)], "test")


def check_patch(shape: Sequence[int], patch: int, cohort: Cohort) -> None:
    """Raise `RemnantError` for a grid of `shape` voxels that is smaller than a patch."""
    if min(shape) < patch:
        raise RemnantError(
            f"The scans in {cohort.root} lie on a grid of {' x '.join(map(str, shape))} voxels, smaller than the patches of "
            f"{patch} that the networks see; prepare them on a finer grid, or make the patches smaller."
        )


# What the smoke preset runs on where nothing is given.
SMOKE = {
    "data": BrainPhantoms(patients=4, sessions=2, side=32, seed=1),
    "second": BrainPhantoms(patients=2, sessions=1, side=32, seed=2),
}


def given_cohorts(
    settings: StudySettings, data: Path | None, second: Sequence[Path]
) -> tuple[Cohort | None, dict[str, Cohort]]:
    """The cohort in `data`, None where none is given, and the `second` ones by name; raises `RemnantError` for those that do not
    serve."""
    others = second_cohorts(second, STUDY_COHORT)
    cohort = read_cohort(data) if data else None
    for each in (*([cohort] if cohort else []), *others.values()):
        check_cohort(each)
    if cohort:
        deal(cohort, settings)
    _check_second(others, settings)
    return cohort, others


def prepared_scans(
    run: Run,
    cohort: Cohort,
    others: dict[str, Cohort],
    settings: StudySettings,
    cache: Path | None,
    options: RunOptions,
) -> Images:
    """All cohorts prepared on one grid that holds everybody, aligned to the mean of the training patients."""
    how = {
        "called": run.pseudonym,
        "announce": run.keep_note_of,
        "cache": cache,
        "workers": options.workers,
        "quiet": options.quiet,
    }
    cohorts = {STUDY_COHORT: cohort, **others}
    log_notes(run, *cohorts.values())
    if all(scans_file(run, name).exists() for name in cohorts):
        return kept_scans(run)
    ours, seeds = settings.net.preparation, Seeds(settings.seed).child("scans")
    roles = deal(cohort, settings)
    scans, template = prepare_scans(cohort, roles, ours, settings.net.revisits, seeds, **how)
    shape = Grid.of(scans).shape
    for net in settings.nets().values():
        check_patch(shape, net.patch, cohort)
    if template is not None:
        with atomic_path(template_file(run)) as temporary:
            np.save(temporary, template.image)
    for name, other in others.items():
        keep(
            scans_file(run, name),
            second_scans(other, ours.changed(shape=shape), template, seeds, **how),
        )
    # Last, since the cells begin with it.
    keep(scans_file(run), scans)
    return scans


def _check_second(others: dict[str, Cohort], settings: StudySettings) -> None:
    if others and settings.net.preparation.scheme != "tissue5":
        raise RemnantError(
            "Second cohorts are compared in the tissues of tissue5, and the study is prepared with the scheme "
            f"'{settings.net.preparation.scheme}'; leave out --second."
        )
    for other in others.values():
        scheme_of(other)


def phantoms_of(run: Run, name: str, options: RunOptions) -> Cohort:
    def write(out: Path) -> None:
        write_bids(SMOKE[name], out, workers=options.workers, quiet=options.quiet)

    return phantom_cohort(run, write, f"phantoms-{name}")
