"""Membership calibrated by reference models: the models of other folds, or shadow models trained the same way on known halves.

A patient may be easy for every model. What is left after the mean of the references is taken off is what this one model
knows of him (difference calibration, Watson et al. 2022, arXiv 2111.08440).
"""

import math
from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor

from remnant.attacks.attack import Attack, Scores, Work, without_labels
from remnant.attacks.membership.output import segmentation_signals
from remnant.attacks.membership.signals import signed_margin
from remnant.base.config import Settings
from remnant.cohort.images import Images, patient_means
from remnant.measure.swaps import without_patient
from remnant.targets.audited import Audited
from remnant.targets.head import Head
from remnant.targets.seen import SeenOutputs, Shadows

LEAST = 1e-8  # nats, below which a loss is as good as none
LOSS, DICE, MARGIN = "cross-entropy", "Dice", "signed margin"
AGAINST = "{} against its mean under the reference models"
AGAINST_TRAINED = "{} against models that trained on the patient"
AGAINST_SHADOWS = "{} against shadow models without the patient"


def by_references(access: SeenOutputs, own: Images | None, settings: Settings, work: Work) -> list[Scores]:
    """One claim a signal: how much better the target fits a patient than the references do on average; of shadow models those
    that did not train on him. Of the models of other folds one is passed over for each patient, so that all that count trained on
    him, whether or not the target did: else references would fit non-members better than members, and members stand out.

    With the first come the losses under the target and each reference or shadow.
    """
    if access.shadows:
        return _by_shadows(access, access.shadows, work)
    found: dict[str, list[np.ndarray]] = {}
    for number, ask in enumerate((access.ask, *access.references)):
        work.tell(f"model {number + 1} of {1 + len(access.references)}")
        for name, values in signals_of(access.head, access.candidates, ask).items():
            found.setdefault(name, []).append(values)
    claims = []
    for name, columns in found.items():
        patients, means = patient_means(np.stack(columns, axis=1), access.candidates.patients)
        counts = np.ones(means.shape)
        counts[:, 0] = 0
        for place, patient in enumerate(patients):
            counts[place, access.passed_over.get(patient, 0)] = 0
        scores = means[:, 0] - (counts * means).sum(1) / counts.sum(1)
        view = (AGAINST_TRAINED if access.passed_over else AGAINST).format(name)
        claims.append(Scores(view, patients, scores, None if claims else -means))
    return claims


def _by_shadows(access: SeenOutputs, shadows: Shadows, work: Work) -> list[Scores]:
    claims, (patients, trained) = [], patient_means(shadows.trained, shadows.patients)
    work.tell("the audited model")
    for name, values in signals_of(access.head, access.candidates, access.ask).items():
        own, fits = patient_means(np.column_stack([values, shadows.signals[name]]), access.candidates.patients)
        assert own == patients
        scores = fits[:, 0] - without_patient(fits[:, 1:], trained > 0)
        claims.append(Scores(AGAINST_SHADOWS.format(name), patients, scores, None if claims else -fits))
    return claims


def signals_of(
    head: Head, candidates: Images, ask: Callable[..., Iterator[tuple[int, Tensor]]]
) -> dict[str, np.ndarray]:
    """What one model, by `ask`, fits of each image, (n,) by name, higher for a better fit.

    A classifier: the signed margin. A segmenter: minus the logarithm of the cross-entropy over the foreground, of which the
    spread grows with its size, and Dice.
    """
    labels = candidates.labels
    assert labels is not None
    names = (LOSS, DICE) if head.task == "segmentation" else (MARGIN,)
    found = {name: np.full(len(candidates), math.nan) for name in names}
    for place, logits in ask(candidates):
        label = labels[place]
        if head.task == "segmentation":
            found[DICE][place], fit = segmentation_signals(head, logits, torch.as_tensor(label))
            found[LOSS][place] = -math.log(max(-fit, LEAST))
        else:
            truth = np.array([label]) if isinstance(label, int) else np.asarray(label)[None]
            found[MARGIN][place] = signed_margin(logits[None], truth)[0]
    return found


def _referenced(target: Audited, candidates: Images, own: Images | None) -> str:
    if not target.references and not target.shadows:
        return "no other models of the same recipe were handed over, and none is trained"
    return without_labels(candidates)


REFERENCES = Attack(
    "references",
    "a threshold on how much better the model fits a patient than other models of the same recipe do",
    access="outputs",
    claim="patient_scores",
    run=by_references,
    source="Watson et al. 2022, arXiv 2111.08440",
    applies=_referenced,
    needs="models of the same recipe that learned from others, such as those of other folds, or train()",
    primary=True,
    shadows=True,
)
