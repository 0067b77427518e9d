"""What is handed over for the audit of a stranger's classifier of radiographs: read, and checked before there is a run."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

import numpy as np

from remnant.attacks.checkpoint.feeding import Feeding
from remnant.attacks.checkpoint.input_check import Normalisation
from remnant.attacks.prior.brought import comparable_prior
from remnant.audit.config import AuditConfig, require_no_network
from remnant.audit.inputs.classifier_network import OpenedNetwork, open_network
from remnant.audit.verdict.scenario import not_attacked
from remnant.base.errors import RemnantError
from remnant.base.provenance import sha256
from remnant.base.seeds import Seeds
from remnant.cohort.against import Against, read_against
from remnant.cohort.case import Cohort
from remnant.cohort.classes import Answers, answers_of
from remnant.cohort.layouts.read import read_cohort


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

    `against` and `public`: the owner's and the attacker's cohort; `answers` of the owner's cases, in their order.
    """

    inputs: ClassifierInputs
    network: OpenedNetwork
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
    """All of it, from its files. Raises `RemnantError` as `open_network` does, for a prior that draws too small images, and for
    cohorts without what is needed of them.
    """
    network = open_network(inputs.checkpoint, inputs.size, inputs.normalisation)
    if inputs.prior:
        comparable_prior(inputs.prior)
    public = read_cohort(inputs.public) if inputs.public else None
    if public:
        check_known(public)
    against = read_against(inputs.against, inputs.columns, Seeds(seed).child("against"))
    answers = answers_of(against.cases, network.described.classes or 1, inputs.findings)
    if answers.labels is not None and np.isnan(answers.labels).any():
        label_of = {id(case): label for case, label in zip(against.cases, answers.labels, strict=True)}
        against = against.only((~np.isnan(answers.labels)).tolist(), Seeds(seed).child("answered"))
        answers = replace(answers, labels=np.array([label_of[id(case)] for case in against.cases]))
    return OpenedClassifier(inputs, network, against, public, answers)


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
