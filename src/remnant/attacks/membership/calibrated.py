"""What attacks share that weigh the model's fit of an image against that of shadow models with the image, and without it."""

from collections.abc import Callable, Iterable, Sequence

from remnant.attacks.attack import Calibration, PatientScores, Work, without_labels
from remnant.attacks.membership.references import queries_of
from remnant.base.config import Settings
from remnant.cohort.images import Images, patient_means
from remnant.targets.audited import Audited
from remnant.targets.seen import SeenOutputs

NEEDS = "train(), which makes shadow models"


def calibrating(calibrations: Sequence[Calibration]) -> Callable[..., list[PatientScores]]:
    """The `run` of an attack by these: a claim a signal and calibration. A patient's score is the mean over his images, never the
    largest."""

    def run(access: SeenOutputs, own: Images | None, settings: Settings, work: Work) -> list[PatientScores]:
        shadows = access.shadows
        assert shadows
        work.tell("the audited model")
        several = any(one.queries for one in calibrations)
        fits = queries_of(access.head, access.candidates, access.ask, several=several)
        return [
            PatientScores(
                one.view(name),
                *patient_means(
                    one.score(one.taken(fits[name]), one.taken(shadows.queries[name]), shadows.trained),
                    shadows.patients,
                ),
            )
            for name, one in views_of(calibrations, shadows.queries)
        ]

    return run


def views_of(calibrations: Sequence[Calibration], signals: Iterable[str]) -> list[tuple[str, Calibration]]:
    """Every signal with each of the calibrations that it suits, a view each."""
    return [(name, one) for name in signals for one in calibrations if one.suits(name)]


def shadowed(target: Audited, candidates: Images, own: Images | None) -> str:
    """Why an attack by shadow models does not apply; empty where it does."""
    return without_labels(candidates) if target.shadows else "no shadow models are trained"
