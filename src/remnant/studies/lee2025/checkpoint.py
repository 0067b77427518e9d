"""The audit of one checkpoint that somebody brought: the same attack, without having trained the target."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from remnant.attacks.checkpoint.goals import Goals
from remnant.attacks.checkpoint.methods import suits
from remnant.attacks.prior import Prior, load_prior
from remnant.base.errors import RemnantError
from remnant.base.provenance import sha256
from remnant.base.results import Results
from remnant.base.run import Run
from remnant.base.seeds import Seeds
from remnant.cohort.case import Case, Cohort
from remnant.cohort.membership import split_for_demographics
from remnant.cohort.radiograph.prepare import Radiographs, RadiographSettings, prepare_radiographs
from remnant.cohort.read import read_cohort
from remnant.engine.cells import Cell
from remnant.studies.frame import Asked, Cells, carry_out
from remnant.studies.lee2025.cells import DEMOGRAPHICS, Aim
from remnant.studies.lee2025.conclude import conclude
from remnant.studies.lee2025.kept import OWN, groups_file, write_groups
from remnant.studies.lee2025.materials import SMALLEST, population_of_settings, prior_in_words
from remnant.studies.lee2025.plan import attack_cells, demographics_of
from remnant.studies.lee2025.settings import METHODS_OF_ALL, CheckpointSettings
from remnant.studies.lee2025.sources import check_known, group_of, write_own
from remnant.studies.lee2025.study import DRAWN
from remnant.studies.lee2025.targets import COLUMNS
from remnant.targets.access import Weights, weights_of
from remnant.targets.description import Description
from remnant.targets.inputs import InputRange
from remnant.targets.loading import load_target
from remnant.targets.opening import open_checkpoint
from remnant.targets.recognise import recognise

STUDY = "checkpoint"
TARGET = "checkpoint"
# What a table of cases calls those who trained the target, and those who did not.
MEMBERS, NON_MEMBERS = ("train",), ("test", "val")


@dataclass(frozen=True)
class Given:
    """What the attacker and the owner brought: the target as its file tells of it, the prior, and cohorts; and the `methods` that
    suit them."""

    described: Description
    input_range: InputRange
    prior: Prior
    public: Cohort | None
    against: Cohort | None
    methods: tuple[str, ...]


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
    given = _brought(checkpoint, prior, settings, public, against)
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
            write_groups(run, "against", {name: group_of(run, "against", images, own) for name, own in ids.items()})
        attacks = attack_cells(
            TARGET,
            Aim(checkpoint.resolve(), given.input_range, prior.resolve(), source),
            given.methods,
            _attackable(settings, given),
            needs=(DEMOGRAPHICS,) if given.public else (),
        )
        return [demographics_of(settings), *attacks] if given.public else attacks

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
            given=True,
        )
        checkpoints = {"checkpoint": sha256(checkpoint)} | results.checkpoints
        return results.model_copy(update={"checkpoints": checkpoints})

    return carry_out(STUDY, asked, config, prepare, concluded, passing=(), drawn=DRAWN)


def used(cohort: Cohort) -> dict[str, list[Case]]:
    """The members and non-members of a target, by what the cohort's table says that each case was used for.

    Raises `RemnantError` where it does not say, where one of the groups is empty, and for a patient in both.
    """
    found = {
        name: [case for case in cohort.cases if case.split and case.split.lower() in words]
        for name, words in (("members", MEMBERS), ("non_members", NON_MEMBERS))
    }
    if not (found["members"] and found["non_members"]):
        raise RemnantError(
            f"The cohort {cohort.root} does not say who trained the target; give its manifest.csv a column split with "
            f"{MEMBERS[0]} for them and {' or '.join(NON_MEMBERS)} for others."
        )
    both = {case.patient for case in found["members"]} & {case.patient for case in found["non_members"]}
    if both:
        raise RemnantError(
            f"{len(both)} patients of {cohort.root} have images on both sides of the column split, so that nobody can tell what "
            "training left of them; split by patient."
        )
    return found


def _brought(
    checkpoint: Path, prior: Path, settings: CheckpointSettings, public: Path | None, against: Path | None
) -> Given:
    described = recognise(open_checkpoint(checkpoint))
    access = weights_of(load_target(checkpoint))
    if described.task != "classifier" or described.dimensions != 2:
        raise RemnantError(
            f"{checkpoint} holds a {described.dimensions}D {described.architecture}, a {described.task}; this attack is on "
            "classifiers of radiographs."
        )
    generator = load_prior(prior)
    if generator.side < SMALLEST:
        raise RemnantError(
            f"The prior {prior} draws images of {generator.side} pixels, too few to compare; train one of {SMALLEST} or more."
        )
    size = (described.arguments or {}).get("image_size")
    if size and settings.size not in (None, size):
        raise RemnantError(f"{checkpoint} takes images of {size} pixels a side. Got size {settings.size} instead.")
    channels = described.channels or 1
    input_range = InputRange(settings.size or size or generator.side, channels, settings.mean, settings.std)
    # Whether the target takes such images, and says anything of those that it was trained on.
    Goals(access, input_range, settings.attack.manifold.goals)
    methods = _methods(settings, access)
    cohorts = [path and read_cohort(path) for path in (public, against)]
    if cohorts[0]:
        check_known(cohorts[0])
    if cohorts[1]:
        used(cohorts[1])
    return Given(described, input_range, generator, *cohorts, methods)


def _known(given: Given) -> dict[str, Any]:
    """What is known of the training of somebody else's target: by its file, and by what the owner's table says."""
    cases = used(given.against)["members"] if given.against else []
    return dict.fromkeys(COLUMNS) | {
        "network": given.described.architecture,
        "source": "against" if given.against else "",
        "patients": len({case.patient for case in cases}) or None,
        "images": len(cases) or None,
    }


def _methods(settings: CheckpointSettings, access: Weights) -> tuple[str, ...]:
    """The methods that are run: all that were asked for, or of those by default such as suit the target.

    Raises `RemnantError` for one that was asked for and does not.
    """
    if settings.methods == METHODS_OF_ALL:
        return tuple(name for name in settings.methods if suits(name, access))
    for name in settings.methods:
        if not suits(name, access):
            raise RemnantError(
                f"The method '{name}' needs a CNN with BatchNorm; give that, or leave it out by --methods."
            )
    return settings.methods


def _attackable(settings: CheckpointSettings, given: Given) -> CheckpointSettings:
    """The settings as this target, prior and attacker allow."""
    attack = settings.attack
    likely = attack.likely if given.public else attack.likely.changed(mahalanobis="published")
    return settings.changed(attack=attack.changed(likely=likely, pixels=attack.pixels.changed(side=given.prior.side)))


def _deal(public: Cohort, settings: CheckpointSettings) -> tuple[tuple[str, ...], tuple[str, ...]]:
    seeds = Seeds(settings.seed).child("split", "public")
    return split_for_demographics(public.cases, seeds=seeds, validation=settings.demographics_validation)


def _prepared(run: Run, cohort: Cohort, given: Given, cache: Path | None, asked: Asked) -> Radiographs:
    return prepare_radiographs(
        cohort,
        RadiographSettings(side=given.prior.side),
        cache=cache,
        workers=asked.workers,
        quiet=asked.quiet,
        announce=run.keep_note_of,
    )
