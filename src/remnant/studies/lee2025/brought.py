"""What somebody brings to the audit of one checkpoint: read, and checked before there is a run."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from remnant.attacks.checkpoint.goals import Goals
from remnant.attacks.checkpoint.methods import suits
from remnant.attacks.prior import Prior, load_prior
from remnant.base.errors import RemnantError
from remnant.base.seeds import Seeds
from remnant.cohort.case import Cohort
from remnant.cohort.radiograph.classes import Answers, answers_of
from remnant.cohort.read import read_cohort
from remnant.studies.lee2025.against import Against, read_against
from remnant.studies.lee2025.materials import SMALLEST
from remnant.studies.lee2025.settings import METHODS_OF_ALL, CheckpointSettings
from remnant.studies.lee2025.sources import check_known
from remnant.targets.access import Weights, weights_of
from remnant.targets.description import Description
from remnant.targets.inputs import InputRange
from remnant.targets.loading import load_target
from remnant.targets.opening import open_checkpoint
from remnant.targets.recognise import recognise
from remnant.targets.sound import check_sound

# Pixels a side of the grey image that tries out a target of any size.
TRIED_OUT = 64


@dataclass(frozen=True)
class Given:
    """What the attacker and the owner brought, checked.

    `described`: the target as its file tells of it; `access`: the target itself; `size`: pixels a side of its images, None where
    nobody says; `prior`: the generator, `public` the attacker's cohort, `against` the owner's, None where there is none;
    `answers` of the owner's cases, in their order; `methods`: the attacks on the weights that suit the target, none without a
    prior.
    """

    described: Description
    access: Weights
    size: int | None
    prior: Prior | None
    public: Cohort | None
    against: Against | None
    answers: Answers
    methods: tuple[str, ...]

    @property
    def channels(self) -> int:
        """Of the target's images."""
        return self.described.channels or 1


def brought(
    checkpoint: Path,
    settings: CheckpointSettings,
    *,
    prior: Path | None,
    public: Path | None,
    against: Path | None,
    columns: Mapping[str, str],
) -> Given:
    """All of it, read from its files. Raises `RemnantError` for a file that cannot be read, a target that is no 2D classifier, is
    broken or takes no such images, a prior that draws too small ones, cohorts without what is needed of them, and where there is
    neither a prior nor a cohort to hold the target against.
    """
    if not prior and not against:
        raise RemnantError(
            "There is nothing to attack with: give patients who trained the target and others by --against, or a generator by "
            "--prior."
        )
    if public and not prior:
        raise RemnantError(
            "Public radiographs serve an attack with a generator; give it by --prior, or leave out --public."
        )
    opened = open_checkpoint(checkpoint)
    described = recognise(opened)
    check_sound(checkpoint, opened.tensors)
    access = weights_of(load_target(checkpoint))
    if described.task != "classifier" or described.dimensions != 2:
        raise RemnantError(
            f"{checkpoint} holds a {described.dimensions}D {described.architecture}, a {described.task}; this attack is on "
            "classifiers of radiographs."
        )
    size = (described.arguments or {}).get("image_size")
    if size and settings.size not in (None, size):
        raise RemnantError(f"{checkpoint} takes images of {size} pixels a side. Got size {settings.size} instead.")
    size = settings.size or size
    mean, std = settings.normalisation or ((0.0,), (1.0,))
    input_range = InputRange(size or TRIED_OUT, described.channels or 1, mean, std)
    # Whether the target takes such images, and says anything of those that it was trained on.
    Goals(access, input_range, settings.attack.manifold.goals)
    generator = load_prior(prior) if prior else None
    if generator and generator.side < SMALLEST:
        raise RemnantError(
            f"The prior {prior} draws images of {generator.side} pixels, too few to compare; train one of {SMALLEST} or more."
        )
    methods = _methods(settings, access) if prior else ()
    attackers = read_cohort(public) if public else None
    if attackers:
        check_known(attackers)
    seeds = Seeds(settings.seed).child("against")
    owners = read_against(against, columns, seeds, validation=settings.validation_counts) if against else None
    answers = answers_of(owners.cases if owners else (), described.classes or 1, settings.findings)
    if owners and answers.labels is not None and answers.labels.ndim == 1:
        answered = ~np.isnan(answers.labels)
        owners = owners.only(answered.tolist())
        answers = replace(answers, labels=answers.labels[answered])
    return Given(described, access, size, generator, attackers, owners, answers, methods)


def attackable(settings: CheckpointSettings, given: Given) -> CheckpointSettings:
    """The settings as this target, prior and attacker allow."""
    attack = settings.attack
    likely = attack.likely if given.public else attack.likely.changed(mahalanobis="published")
    assert given.prior
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
