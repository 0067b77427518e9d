"""The study from a cohort to the report."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from remnant.base.errors import RemnantError
from remnant.base.files import atomic_path
from remnant.base.results import Results
from remnant.base.run import Run
from remnant.base.seeds import Seeds
from remnant.base.store import keep
from remnant.cohort.case import Cohort
from remnant.cohort.images import Images
from remnant.cohort.layouts.read import read_cohort
from remnant.cohort.notes import log_notes, phantom_notices
from remnant.cohort.phantoms import BrainPhantoms, write_bids
from remnant.cohort.prepare.grid import Grid
from remnant.cohort.visits import check_cohort, prepare_scans, scheme_of, second_cohorts, second_scans
from remnant.engine.cells import Cell
from remnant.studies.chapters import described_labels
from remnant.studies.forecast import foretell
from remnant.studies.frame import Asked, Cells, carry_out, phantom_cohort
from remnant.studies.kim2019.conclude import conclude
from remnant.studies.kim2019.estimate import costs_of, scans_piece
from remnant.studies.kim2019.materials import STUDY, kept_scans, scans_file
from remnant.studies.kim2019.plan import cells_of
from remnant.studies.kim2019.recipe import departures
from remnant.studies.kim2019.roles import check_patch, deal
from remnant.studies.kim2019.sections import CHAPTERS
from remnant.studies.kim2019.settings import NAME, StudySettings
from remnant.studies.kim2019.training import template_file
from remnant.studies.kim2019.variants import VARIANTS

# What the smoke preset runs on where nothing is given.
SMOKE = {
    "data": BrainPhantoms(patients=6, sessions=2, side=32, seed=1),
    "second": BrainPhantoms(patients=2, sessions=1, side=32, seed=2),
}
# Variants may be added to a run: each is trained and measured by itself, from the same pre-training.
GROWING = ("variants",)
# Folders of RUN/private: made only to work with, and what shows patients or was taught by them.
PASSING = ("phantoms-data", "phantoms-second")
DRAWN = ("training", "scans", *VARIANTS)


def run_study(
    settings: StudySettings,
    asked: Asked,
    *,
    data: Path | None = None,
    second: Sequence[Path] = (),
    cache: Path | None = None,
) -> Path:
    """Run the study into `asked.out` and return the path of its report.

    `data`: a cohort with several sessions of each patient, or of one where visits are simulated; `second`: cohorts that no
    training saw, each known by its directory's name. The preset `smoke` makes both where no data is given. Raises
    `RemnantError` for input that does not serve, before there is a run.
    """
    if data is None and settings.preset != "smoke":
        raise RemnantError(f"The preset '{settings.preset}' needs a cohort; give its directory with --data.")
    cohort = None
    others: dict[str, Cohort] = {}
    config = {**settings.resolved(), "data": data and str(data), "second": [str(path) for path in second]}
    if not Run(asked.out).results.exists() or Run(asked.out).asks_more(config, GROWING):
        others = second_cohorts(second, STUDY)
        cohort = read_cohort(data) if data else None
        for each in (*([cohort] if cohort else []), *others.values()):
            check_cohort(each)
        if cohort:
            deal(cohort, settings)
        _check_second(others, settings)
    variants = {name: VARIANTS[name] for name in settings.variants}

    def prepared(run: Run) -> list[Cell]:
        nonlocal cohort, others
        if cohort is None:
            cohort = _phantoms(run, "data", asked)
            others = others or {"phantoms": _phantoms(run, "second", asked)}
        scans = _scans(run, cohort, others, settings, cache, asked)
        cells = cells_of(settings, variants, scans, tuple(others))
        beside = {name: kept_scans(run, name) for name in others}
        foretell(run, cells, asked, lambda: costs_of(settings, scans, beside), scans_piece(scans))
        return cells

    def concluded(run: Run, cells: Cells) -> Results:
        notices = phantom_notices([*([cohort] if cohort else []), *others.values()])
        return conclude(
            run,
            cells,
            settings,
            variants,
            asked.command,
            notices,
            departures=departures(settings.recipe, settings.net.preparation.spacing_mm)
            if "kim2019" in settings.nets()
            else None,
        )

    given = {**({"data": cohort} if cohort else {}), **others}
    return carry_out(
        NAME,
        asked,
        config,
        prepared,
        concluded,
        passing=PASSING,
        drawn=DRAWN,
        growing=GROWING,
        cohorts=given,
        labels=described_labels(CHAPTERS),
    )


def _scans(
    run: Run, cohort: Cohort, others: dict[str, Cohort], settings: StudySettings, cache: Path | None, asked: Asked
) -> Images:
    """All cohorts prepared on one grid that holds everybody, aligned to the mean of the training patients."""
    how = {
        "called": run.pseudonym,
        "announce": run.keep_note_of,
        "cache": cache,
        "workers": asked.workers,
        "quiet": asked.quiet,
    }
    cohorts = {STUDY: cohort, **others}
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


def _phantoms(run: Run, name: str, asked: Asked) -> Cohort:
    def write(out: Path) -> None:
        write_bids(SMOKE[name], out, workers=asked.workers, quiet=asked.quiet)

    return phantom_cohort(run, write, f"phantoms-{name}")
