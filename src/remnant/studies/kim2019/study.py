"""The study from a cohort to the report."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from remnant.base.errors import RemnantError
from remnant.base.files import atomic_path
from remnant.base.results import Results
from remnant.base.run import Run
from remnant.base.seeds import Seeds
from remnant.cohort.case import CLASSES, Cohort
from remnant.cohort.notes import log_notes, phantom_notices
from remnant.cohort.phantoms import BrainPhantoms, write_bids
from remnant.cohort.prepare import PreparationSettings
from remnant.cohort.read import read_cohort
from remnant.cohort.template import Template
from remnant.cohort.tissues import as_tissue3
from remnant.engine.cells import Cell
from remnant.studies.frame import STUDY_OF_OURS, Asked, Cells, carry_out, phantom_cohort
from remnant.studies.kim2019.conclude import conclude
from remnant.studies.kim2019.estimate import foretell
from remnant.studies.kim2019.kept import keep, kept, record_file
from remnant.studies.kim2019.plan import cells_of
from remnant.studies.kim2019.recipe import departures
from remnant.studies.kim2019.records import STUDY, Role, Scans
from remnant.studies.kim2019.roles import check_cohort, check_patch, deal, prepare_scans
from remnant.studies.kim2019.settings import StudySettings
from remnant.studies.kim2019.training import template_file
from remnant.studies.kim2019.variants import VARIANTS

NAME = "kim2019"
# What the smoke preset runs on where nothing is given.
SMOKE = {
    "data": BrainPhantoms(patients=6, sessions=2, side=32, seed=1),
    "second": BrainPhantoms(patients=2, sessions=1, side=32, seed=2),
}
# Variants may be added to a run: each is trained and measured by itself, from the same pre-training.
GROWING = ("variants",)
# Folders of RUN/private: made only to work with, and what shows patients or was taught by them.
PASSING = ("phantoms-data", "phantoms-second")
DRAWN = ("training", "scans", "views", "identity", "inversion", "people", "segmented", "fitted", "transferred", "timed")


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
        others = second_cohorts(second)
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
        cells = cells_of(run, settings, variants, scans, tuple(others))
        if not asked.quiet:
            foretell(run, settings.nets(), settings.attack, variants, cells, scans, _patients(others), asked.workers)
        return cells

    def concluded(run: Run, cells: Cells) -> Results:
        notices = phantom_notices([*([cohort] if cohort else []), *others.values()])
        return conclude(
            run,
            cells,
            NAME,
            settings.preset,
            settings.seed,
            settings,
            variants,
            asked.command,
            subject=STUDY_OF_OURS,
            notices=notices,
            departures=departures(settings.recipe, settings.net.preparation.spacing_mm)
            if "kim2019" in settings.nets()
            else None,
        )

    given = {**({"data": cohort} if cohort else {}), **others}
    return carry_out(
        NAME, asked, config, prepared, concluded, passing=PASSING, drawn=DRAWN, growing=GROWING, cohorts=given
    )


def second_cohorts(directories: Sequence[Path]) -> dict[str, Cohort]:
    """Second cohorts by the names of their directories; raise `RemnantError` where two have the same."""
    names = [Path(path).resolve().name for path in directories]
    if len({*names, STUDY}) <= len(names):
        raise RemnantError(
            f"Second cohorts are told apart by the names of their directories. Got {', '.join(names)} beside {STUDY}; rename one."
        )
    return dict(zip(names, map(read_cohort, directories), strict=True))


def _scans(
    run: Run, cohort: Cohort, others: dict[str, Cohort], settings: StudySettings, cache: Path | None, asked: Asked
) -> Scans:
    """All cohorts prepared on one grid that holds everybody, aligned to the mean of the training patients."""
    how = {"cache": cache, "workers": asked.workers, "quiet": asked.quiet}
    cohorts = {STUDY: cohort, **others}
    log_notes(run, *cohorts.values())
    if all(record_file(run, Scans, name).exists() for name in cohorts):
        return kept(run, Scans, STUDY)
    ours, seeds = settings.net.preparation, Seeds(settings.seed).child("scans")
    roles = deal(cohort, settings)
    scans, template = prepare_scans(run, STUDY, cohort, roles, ours, settings.net.revisits, seeds, **how)
    for net in settings.nets().values():
        check_patch(scans.grid.shape, net.patch, cohort)
    if template is not None:
        with atomic_path(template_file(run)) as temporary:
            np.save(temporary, template.image)
    write_second(run, others, ours.changed(shape=scans.grid.shape), template, seeds, **how)
    # Last, since the cells begin with it.
    keep(run, scans)
    return scans


def write_second(
    run: Run,
    others: dict[str, Cohort],
    preparation: PreparationSettings,
    template: Template | None,
    seeds: Seeds,
    **how: Any,
) -> None:
    """Keep second cohorts, in the classes of tissue3, aligned as the study's own and on its grid.

    What reaches beyond that is left out: a neck that nobody in the study has would nearly double every volume.
    """
    for name, other in others.items():
        roles: dict[str, Role] = dict.fromkeys(other.patients, "test")
        seen = preparation.changed(scheme=scheme_of(other), cut=True)
        scans, _ = prepare_scans(run, name, other, roles, seen, None, seeds, template=template, **how)
        if seen.scheme == "tissue5":
            scans = replace(scans, labels=as_tissue3(scans.labels), classes=CLASSES["tissue3"])
        keep(run, scans)


def scheme_of(cohort: Cohort) -> str:
    """In which tissues a second cohort is labelled; raises `RemnantError` where in neither scheme."""
    return "tissue3" if "tissue3" in cohort.schemes else cohort.scheme("tissue5").name


def _patients(cohorts: dict[str, Cohort]) -> int:
    return sum(len(cohort.patients) for cohort in cohorts.values())


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
