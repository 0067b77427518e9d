"""The audit of one checkpoint that somebody brought: the same attack, without having trained the target."""

from pathlib import Path
from typing import Any

from remnant.base.provenance import sha256
from remnant.base.results import Results
from remnant.base.run import Run
from remnant.base.seeds import Seeds
from remnant.cohort.case import Cohort
from remnant.cohort.membership import split_for_demographics
from remnant.cohort.radiograph.prepare import Radiographs, RadiographSettings, prepare_radiographs
from remnant.engine.cells import Cell
from remnant.studies.frame import AUDIT, Asked, Cells, carry_out, log_notes, phantom_notices
from remnant.studies.lee2025.brought import Given, attackable, brought, used
from remnant.studies.lee2025.cells import DEMOGRAPHICS, Aim
from remnant.studies.lee2025.conclude import conclude
from remnant.studies.lee2025.estimate import foretell, load_of
from remnant.studies.lee2025.kept import OWN, groups_file, write_groups
from remnant.studies.lee2025.materials import population_of_settings, prior_in_words
from remnant.studies.lee2025.plan import attack_cells, demographics_of
from remnant.studies.lee2025.settings import CheckpointSettings
from remnant.studies.lee2025.sources import group_of, write_own
from remnant.studies.lee2025.study import DRAWN
from remnant.studies.lee2025.targets import COLUMNS

STUDY = "checkpoint"
TARGET = "checkpoint"


def audit_checkpoint(
    checkpoint: Path,
    prior: Path,
    settings: CheckpointSettings,
    asked: Asked,
    *,
    public: Path | None = None,
    against: Path | None = None,
    cache: Path | None = None,
) -> Path:
    """Attack the classifier in the file `checkpoint` with a `prior`, into `asked.out`; return the path of the report.

    `public`: the attacker's radiographs with age and sex, to learn to read both; without them nobody's are read. `against`: the
    owner's cohort, whose table says by `split` who trained the target; without it nothing is compared with patients. Raises
    `RemnantError` for input that does not serve, before there is a run.
    """
    population, population_words = population_of_settings(settings)
    given = brought(checkpoint, prior, settings, public, against)
    config = {
        **settings.resolved(),
        "methods": list(given.methods),
        "checkpoint": sha256(checkpoint),
        "prior": sha256(prior),
        "public": public and str(public),
        "against": against and str(against),
    }
    demographics = _deal(given.public, settings) if given.public else None
    source = "against" if given.against else None

    def prepare(run: Run) -> list[Cell]:
        if given.public and demographics and not groups_file(run, OWN).exists():
            write_own(run, _prepared(run, given.public, given, cache, asked), *demographics)
        if given.against and not groups_file(run, "against").exists():
            images = _prepared(run, given.against, given, cache, asked)
            ids = {name: [case.case_id for case in cases] for name, cases in used(given.against).items()}
            groups = {name: group_of(run, "against", images.select_cases(own)) for name, own in ids.items()}
            write_groups(run, "against", groups)
        attacks = attack_cells(
            TARGET,
            Aim(checkpoint.resolve(), given.input_range, prior.resolve(), source),
            given.methods,
            attackable(settings, given),
            needs=(DEMOGRAPHICS,) if given.public else (),
        )
        cells = [demographics_of(settings), *attacks] if given.public else attacks
        members = len(used(given.against)["members"]) if given.against else 0
        loads = {TARGET: load_of(given.access.target, given.input_range, members)}
        if not asked.quiet:
            foretell(run, settings, cells, asked.workers, loads=loads, side=given.prior.side)
        return cells

    def concluded(run: Run, cells: Cells) -> Results:
        results = conclude(
            run,
            cells,
            STUDY,
            settings,
            asked.command,
            trained={TARGET: _known(given)},
            sources=(source,) if source else (),
            side=given.prior.side,
            prior=(prior_in_words(given.prior, (demographics and sum(demographics, ())) or ()), sha256(prior)),
            population=(population, population_words),
            notices=phantom_notices(cohort for cohort in (given.public, given.against) if cohort),
            given=True,
            subject=AUDIT,
        )
        checkpoints = {"checkpoint": sha256(checkpoint)} | results.checkpoints
        return results.model_copy(update={"checkpoints": checkpoints})

    return carry_out(STUDY, asked, config, prepare, concluded, passing=(), drawn=DRAWN)


def _known(given: Given) -> dict[str, Any]:
    """What is known of the training of somebody else's target: by its file, and by what the owner's table says."""
    cases = used(given.against)["members"] if given.against else []
    return dict.fromkeys(COLUMNS) | {
        "network": given.described.architecture,
        "source": "against" if given.against else "",
        "patients": len({case.patient for case in cases}) or None,
        "images": len(cases) or None,
    }


def _deal(public: Cohort, settings: CheckpointSettings) -> tuple[tuple[str, ...], tuple[str, ...]]:
    seeds = Seeds(settings.seed).child("split", "public")
    return split_for_demographics(public.cases, seeds=seeds, validation=settings.demographics_validation)


def _prepared(run: Run, cohort: Cohort, given: Given, cache: Path | None, asked: Asked) -> Radiographs:
    log_notes(run, cohort)
    return prepare_radiographs(
        cohort,
        RadiographSettings(side=given.prior.side),
        cache=cache,
        workers=asked.workers,
        quiet=asked.quiet,
        announce=run.keep_note_of,
    )
