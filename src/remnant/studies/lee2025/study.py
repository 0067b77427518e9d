"""The study from two cohorts and a prior to the report."""

from pathlib import Path

from remnant.attacks.prior import load_prior
from remnant.audit.cells.reader import READER
from remnant.base.errors import RemnantError
from remnant.base.provenance import sha256
from remnant.base.results import Results
from remnant.base.run import Run
from remnant.cohort.case import Cohort
from remnant.cohort.layouts.read import read_cohort
from remnant.cohort.notes import phantom_notices
from remnant.engine.cells import Cell
from remnant.studies.forecast import foretell
from remnant.studies.frame import Cells, RunOptions, carry_out
from remnant.studies.lee2025.conclude import STUDY, conclude
from remnant.studies.lee2025.estimate import costs_of, groups_piece
from remnant.studies.lee2025.groups import OWN, groups_file
from remnant.studies.lee2025.inputs import SMOKE, phantoms_of, prepared_images, smoke_prior
from remnant.studies.lee2025.materials import check_whom_it_knows, fitting_prior, population_of_settings, prior_in_words
from remnant.studies.lee2025.plan import cells_of
from remnant.studies.lee2025.sections import LABELS
from remnant.studies.lee2025.settings import StudySettings
from remnant.studies.lee2025.sources import deal, write_sources
from remnant.studies.lee2025.targets import TARGETS

# Folders of RUN/private: made only to work with, and what shows patients or knows them.
PASSING = ("phantoms-private", "phantoms-public", "prior")
DRAWN = ("groups", "targets", "attacks", "progressions", READER, *TARGETS)


def run_study(
    settings: StudySettings,
    options: RunOptions,
    *,
    private: Path | None = None,
    public: Path | None = None,
    prior: Path | None = None,
    cache: Path | None = None,
) -> Path:
    """Run the study into `options.out` and return the path of its report.

    `private`: the cohort whose patients train the targets; `public`: the attacker's, whose other half trains the targets
    within one source; `prior`: the attacker's generator. The preset `smoke` makes what is not given. Raises `RemnantError`
    for input that does not serve, before there is a run.
    """
    given = {"private": private, "public": public, "prior": prior}
    missing = [name for name, path in given.items() if path is None]
    if missing and settings.preset != "smoke":
        raise RemnantError(f"The preset '{settings.preset}' needs --{', --'.join(missing)}; `smoke` makes its own.")
    population, population_words = population_of_settings(settings)
    brought = fitting_prior(prior, settings.side) if prior else None
    cohorts: dict[str, Cohort] = {}
    if not Run(options.out).results.exists():
        cohorts = {name: read_cohort(given[name]) for name in SMOKE if given[name]}
        if len(cohorts) == len(SMOKE):
            dealt = deal(cohorts["private"], cohorts["public"], settings)
            if brought:
                check_whom_it_knows(brought, prior, dealt.attackers, settings.targets)
    config = {
        **settings.resolved(),
        **{name: given[name] and str(given[name]) for name in SMOKE},
        "prior": prior and sha256(prior),
    }
    said: dict[str, str] = {}

    def prepare(run: Run) -> list[Cell]:
        for name in SMOKE:
            if name not in cohorts:
                cohorts[name] = phantoms_of(run, name, options.quiet)
        dealt = deal(cohorts["private"], cohorts["public"], settings)
        if not groups_file(run, OWN).exists():
            images = {name: prepared_images(run, cohorts[name], settings, cache, options) for name in SMOKE}
            write_sources(run, cohorts, images, dealt)
        path = prior or smoke_prior(run, cohorts["public"], dealt, settings, cache, options)
        generator = brought or load_prior(path)
        check_whom_it_knows(generator, path, dealt.attackers, settings.targets)
        said["prior"] = prior_in_words(generator, dealt.attackers)
        said["sha256"] = sha256(path)
        cells = cells_of(run, settings, path)
        foretell(run, cells, options, lambda: costs_of(run, settings, path), groups_piece(run))
        return cells

    def concluded(run: Run, cells: Cells) -> Results:
        return conclude(
            run,
            cells,
            settings,
            options.command,
            prior=(said["prior"], said["sha256"]),
            population=(population, population_words),
            notices=phantom_notices(cohorts.values()),
        )

    return carry_out(
        STUDY,
        options,
        config,
        prepare,
        concluded,
        passing=PASSING,
        drawn=DRAWN,
        cohorts=dict(cohorts),
        labels=LABELS,
    )
