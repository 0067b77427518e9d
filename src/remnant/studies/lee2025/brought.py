"""What somebody brings to the audit of one checkpoint: read, and checked before there is a run."""

from dataclasses import dataclass
from pathlib import Path

from remnant.attacks.checkpoint.goals import Goals
from remnant.attacks.checkpoint.methods import suits
from remnant.attacks.prior import Prior, load_prior
from remnant.base.errors import RemnantError
from remnant.cohort.case import Case, Cohort
from remnant.cohort.read import read_cohort
from remnant.studies.lee2025.materials import SMALLEST
from remnant.studies.lee2025.settings import METHODS_OF_ALL, CheckpointSettings
from remnant.studies.lee2025.sources import check_known
from remnant.targets.access import Weights, weights_of
from remnant.targets.description import Description
from remnant.targets.inputs import InputRange
from remnant.targets.loading import load_target
from remnant.targets.opening import open_checkpoint
from remnant.targets.recognise import recognise

# What a table of cases calls those who trained the target, and those who did not.
MEMBERS, NON_MEMBERS = ("train",), ("test", "val")


@dataclass(frozen=True)
class Given:
    """What the attacker and the owner brought, checked.

    `described`: the target as its file tells of it; `access`: the target itself, which takes images by `input_range`; `prior`:
    the generator; `public` and `against`: the attacker's cohort and the owner's, None where there is none; `methods`: the
    attacks that suit the target.
    """

    described: Description
    access: Weights
    input_range: InputRange
    prior: Prior
    public: Cohort | None
    against: Cohort | None
    methods: tuple[str, ...]


def brought(
    checkpoint: Path, prior: Path, settings: CheckpointSettings, public: Path | None, against: Path | None
) -> Given:
    """All of it, read from its files. Raises `RemnantError` for a file that cannot be read, a target that is no 2D classifier or
    takes no such images, a prior that draws too small ones, and cohorts without what is needed of them.
    """
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
    return Given(described, access, input_range, generator, *cohorts, methods)


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


def attackable(settings: CheckpointSettings, given: Given) -> CheckpointSettings:
    """The settings as this target, prior and attacker allow."""
    attack = settings.attack
    likely = attack.likely if given.public else attack.likely.changed(mahalanobis="published")
    return settings.changed(attack=attack.changed(likely=likely, pixels=attack.pixels.changed(side=given.prior.side)))


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
