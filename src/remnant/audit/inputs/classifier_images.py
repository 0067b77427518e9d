"""The radiographs of the audit of a stranger's classifier: prepared once, and how it takes them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from torch import Tensor

from remnant.attacks.checkpoint.feeding import LARGEST, LOOKED_AT, VIEWS, Feeding, feeding_of, in_order
from remnant.audit.inputs.classifier_given import OpenedClassifier
from remnant.base.progress import say
from remnant.base.texts import enumerated
from remnant.cohort.case import Case, Cohort
from remnant.cohort.files.radiograph import read_radiograph
from remnant.cohort.prepare.cache import Announce, nobody
from remnant.cohort.prepare.radiographs import RadiographSettings, prepare_radiographs
from remnant.targets.features import predict_logits

MANY = 400  # radiographs from which on other processes help: they take longer to start than few to be read


@dataclass(frozen=True)
class Preparing:
    """How radiographs are prepared: where they are kept, by how many processes, and who hears of the files beforehand."""

    cache: Path | None
    workers: int
    quiet: bool
    announce: Announce = nobody

    def of(self, cohort: Cohort, cases: Sequence[Case], settings: RadiographSettings) -> Tensor:
        """These radiographs, (n, 1, side, side) in [0, 1]."""
        return prepare_radiographs(
            replace(cohort, cases=tuple(cases)),
            settings,
            cache=self.cache,
            workers=self.workers if len(cases) >= MANY else 1,
            quiet=self.quiet,
            announce=self.announce,
        ).images


def feeding_by(given: OpenedClassifier, preparing: Preparing) -> Feeding:
    """How the classifier takes images, by some of the owner's; the order of two classes by all of them."""
    # The same share of members and of non-members: what is chosen on them then favours neither.
    against, answers = given.against, given.answers
    count = len(against.cases)
    chosen = np.unique(np.linspace(0, count - 1, min(LOOKED_AT, count)).astype(int))
    cases = [against.cases[i] for i in chosen]
    # At most the longest side of these: enlarged and made small again to the size of the training they would be blurred, and lie
    # off where they fit best.
    side = given.network.size or min(LARGEST, max(max(read_radiograph(case.image).pixels.shape) for case in cases))
    options = [
        name
        for name, known in (("--size", given.network.size), ("--mean and --std", given.inputs.normalisation))
        if not known
    ]
    if options and not preparing.quiet:
        say(f"Seeking how the model takes images, which may take minutes; giving {enumerated(options)} would spare it.")
    # Some of all, whose preparation is told as a whole.
    silent = replace(preparing, quiet=True)
    feeding = feeding_of(
        given.network.access,
        given.network.described,
        {
            name: silent.of(against.cohort, cases, RadiographSettings(side=side, percentiles=greys))
            for name, greys in VIEWS.items()
        },
        answers if answers.labels is None else replace(answers, labels=answers.labels[chosen]),
        size=given.network.size,
        given=given.inputs.normalisation,
    )
    if answers.labels is None or not answers.order:
        return feeding
    own = preparing.of(against.cohort, against.cases, as_taken(feeding))
    logits = predict_logits(given.network.access.target, own, feeding.input_range).numpy()
    return in_order(feeding, logits, answers.labels, [case.patient for case in against.cases])


def as_taken(feeding: Feeding) -> RadiographSettings:
    """How radiographs are prepared for a classifier that takes them so."""
    return RadiographSettings(side=feeding.input_range.size, percentiles=VIEWS[feeding.view])
