"""The study from a cohort to the report."""

from collections.abc import Sequence
from pathlib import Path

from remnant.base.errors import RemnantError
from remnant.base.results import Results
from remnant.base.run import Run
from remnant.cohort.case import Cohort
from remnant.cohort.notes import phantom_notices
from remnant.engine.cells import Cell
from remnant.studies.chapters import described_labels
from remnant.studies.forecast import foretell
from remnant.studies.frame import Cells, RunOptions, carry_out
from remnant.studies.kim2019.cohorts import given_cohorts, phantoms_of, prepared_scans
from remnant.studies.kim2019.conclude import conclude
from remnant.studies.kim2019.estimate import costs_of, scans_piece
from remnant.studies.kim2019.materials import SENT, kept_scans
from remnant.studies.kim2019.plan import cells_of
from remnant.studies.kim2019.recipe import departures
from remnant.studies.kim2019.sections import CHAPTERS
from remnant.studies.kim2019.settings import STUDY, StudySettings
from remnant.studies.kim2019.variants import PAPER_RECIPES, VARIANTS

# Variants may be added to a run: each is trained and measured by itself, from the same pre-training.
GROWING = ("variants",)
# Folders of RUN/private: made only to work with, and what shows patients or was taught by them.
PASSING = ("phantoms-data", "phantoms-second", SENT)
DRAWN = ("training", "scans", *VARIANTS)


def run_study(
    settings: StudySettings,
    options: RunOptions,
    *,
    data: Path | None = None,
    second: Sequence[Path] = (),
    cache: Path | None = None,
) -> Path:
    """Run the study into `options.out` and return the path of its report.

    `data`: a cohort with several sessions of each patient, or of one where visits are simulated; `second`: cohorts that no
    training saw, each known by its directory's name. The preset `smoke` makes both where no data is given. Raises
    `RemnantError` for input that does not serve, before there is a run.
    """
    if data is None and settings.preset != "smoke":
        raise RemnantError(f"The preset '{settings.preset}' needs a cohort; give its directory with --data.")
    cohort = None
    others: dict[str, Cohort] = {}
    config = {**settings.resolved(), "data": data and str(data), "second": [str(path) for path in second]}
    if not Run(options.out).results.exists() or Run(options.out).asks_more(config, GROWING):
        cohort, others = given_cohorts(settings, data, second)
    variants = {name: VARIANTS[name] for name in settings.variants}

    def prepared(run: Run) -> list[Cell]:
        nonlocal cohort, others
        if cohort is None:
            cohort = phantoms_of(run, "data", options)
            others = others or {"phantoms": phantoms_of(run, "second", options)}
        scans = prepared_scans(run, cohort, others, settings, cache, options)
        cells = cells_of(settings, variants, scans, tuple(others))

        foretell(
            run,
            cells,
            options,
            lambda: costs_of(settings, scans, {name: kept_scans(run, name) for name in others}),
            scans_piece(scans),
        )
        return cells

    def concluded(run: Run, cells: Cells) -> Results:
        notices = phantom_notices([*([cohort] if cohort else []), *others.values()])
        return conclude(
            run,
            cells,
            settings,
            variants,
            options.command,
            notices,
            departures=departures(settings.recipe, settings.net.preparation.spacing_mm)
            if PAPER_RECIPES & settings.nets().keys()
            else None,
        )

    given = {**({"data": cohort} if cohort else {}), **others}
    return carry_out(
        STUDY,
        options,
        config,
        prepared,
        concluded,
        passing=PASSING,
        drawn=DRAWN,
        growing=GROWING,
        cohorts=given,
        labels=described_labels(CHAPTERS),
    )
