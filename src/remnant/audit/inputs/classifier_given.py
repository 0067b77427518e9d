"""What is handed over for the audit of a stranger's classifier of radiographs: read, and checked before there is a run."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
from torch import nn

from remnant.attacks.checkpoint.feeding import Feeding
from remnant.attacks.checkpoint.goals import Goals, GoalSettings
from remnant.attacks.checkpoint.input_check import Normalisation
from remnant.attacks.prior.brought import comparable_prior
from remnant.audit.config import AuditConfig, require_no_network
from remnant.audit.verdict.scenario import not_attacked
from remnant.base.errors import RemnantError
from remnant.base.provenance import sha256
from remnant.base.seeds import Seeds
from remnant.cohort.against import Against, read_against
from remnant.cohort.case import Cohort
from remnant.cohort.classes import Answers, answers_of
from remnant.cohort.layouts.read import read_cohort
from remnant.engine.device import place
from remnant.targets.access import Weights, weights_of
from remnant.targets.description import Description
from remnant.targets.inputs import InputRange
from remnant.targets.loading import load_target
from remnant.targets.opening import open_checkpoint
from remnant.targets.recognise import recognise
from remnant.targets.sound import check_sound

TRIED_OUT = 64  # pixels a side of the grey image that tries out a classifier of any size


@dataclass(frozen=True)
class ClassifierInputs:
    """What an audit of a classifier is given: its file, and the owner's patients `against` whom it is held, a cohort's folder or
    a table whose `columns` are called as they say.

    `findings` of its outputs, as `answers_of` takes them; `size`: pixels a side of its images, `normalisation` their mean and
    standard deviation, None where they are to be inferred; `prior`: the file of a generator; `public`: the attacker's images.
    """

    checkpoint: Path
    against: Path
    columns: Mapping[str, str] = field(default_factory=dict)
    findings: tuple[str, ...] = ()
    size: int | None = None
    normalisation: Normalisation | None = None
    prior: Path | None = None
    public: Path | None = None

    def settings(self) -> dict[str, Any]:
        """What a run that is gone on with must be asked again; of files their SHA-256."""
        return {
            "checkpoint": sha256(self.checkpoint),
            "against": str(self.against),
            "columns": dict(self.columns),
            "findings": list(self.findings),
            "size": self.size,
            "normalisation": self.normalisation and [list(values) for values in self.normalisation],
            "prior_file": self.prior and sha256(self.prior),
            "public": self.public and str(self.public),
        }


@dataclass(frozen=True)
class OpenedClassifier:
    """The `inputs`, read and checked.

    `described`: the network as its file tells of it, `module` itself and `access` to a copy; `size`: pixels a side of its
    images, None where nobody says; `against` and `public`: the owner's and the attacker's cohort; `answers` of the owner's
    cases, in their order.
    """

    inputs: ClassifierInputs
    described: Description
    module: nn.Module
    access: Weights
    size: int | None
    against: Against
    public: Cohort | None
    answers: Answers

    @property
    def cohorts(self) -> dict[str, Cohort]:
        """All that were read."""
        return {"against": self.against.cohort} | ({"public": self.public} if self.public else {})

    def in_order(self, feeding: Feeding) -> Self:
        """With both classes in the order that fits the classifier's answers, where nobody told it."""
        return replace(self, answers=self.answers.reversed()) if feeding.reversed else self


def read_given(inputs: ClassifierInputs, seed: int) -> OpenedClassifier:
    """All of it, from its files. Raises `RemnantError` for a file that cannot be read, a network that is no 2D classifier, is
    broken or takes no such images, a prior that draws too small ones, and cohorts without what is needed of them.
    """
    opened = open_checkpoint(inputs.checkpoint)
    described = recognise(opened)
    check_sound(inputs.checkpoint, opened.tensors)
    if described.task and (described.task != "classifier" or described.dimensions != 2):
        raise RemnantError(
            f"{inputs.checkpoint} holds a {described.dimensions}D {described.architecture}, a {described.task}; this audit is of "
            "classifiers of radiographs. `remnant audit --init DIR --from FILE` begins one of any network."
        )
    module = place(load_target(inputs.checkpoint)).eval().requires_grad_(False)
    size = (described.arguments or {}).get("image_size")
    if size and inputs.size not in (None, size):
        raise RemnantError(f"{inputs.checkpoint} takes images of {size} pixels a side. Got size {inputs.size} instead.")
    size, access = inputs.size or size, weights_of(module)
    mean, std = inputs.normalisation or ((0.0,), (1.0,))
    # Whether it takes such images, and says anything of those that it was trained on.
    Goals(access, InputRange(size or TRIED_OUT, described.channels or 1, mean, std), GoalSettings())
    if inputs.prior:
        comparable_prior(inputs.prior)
    public = read_cohort(inputs.public) if inputs.public else None
    if public:
        check_known(public)
    against = read_against(inputs.against, inputs.columns, Seeds(seed).child("against"))
    answers = answers_of(against.cases, described.classes or 1, inputs.findings)
    if answers.labels is not None and np.isnan(answers.labels).any():
        label_of = {id(case): label for case, label in zip(against.cases, answers.labels, strict=True)}
        against = against.only((~np.isnan(answers.labels)).tolist(), Seeds(seed).child("answered"))
        answers = replace(answers, labels=np.array([label_of[id(case)] for case in against.cases]))
    return OpenedClassifier(inputs, described, module, access, size, against, public, answers)


def refuse_of_a_folder(config: AuditConfig) -> None:
    """Raise `RemnantError` for settings of a network that its owner builds and trains, which file and options replace here, and
    for a scenario in which no model is attacked."""
    if why := not_attacked(config.scenario):
        raise RemnantError(why)
    require_no_network(config)


def check_known(cohort: Cohort) -> None:
    """Raise `RemnantError` unless somebody in the cohort has an age and a sex, of whom a reader of both learns."""
    if not any(case.age is not None and case.sex is not None for case in cohort.cases):
        raise RemnantError(
            f"None of the {len(cohort.cases)} public radiographs of {cohort.root} has an age and a sex; add them to its table "
            "(columns age and sex), or take images that have them."
        )
