"""Membership calibrated by reference models: the models of other folds, or shadow models trained the same way on known halves.

A patient may be easy for every model. What is left after the mean of the references is taken off is what this one model
knows of him (difference calibration, Watson et al. 2022, arXiv 2111.08440).
"""

import math
from collections.abc import Callable, Iterator

import numpy as np
import torch
from scipy import special
from torch import Tensor

from remnant.attacks.attack import Attack, PatientScores, Work, without_labels
from remnant.attacks.membership.parts import BORDER, CLASS_LOSS
from remnant.attacks.membership.segmentation import classes_alone, part_fits, segmentation_signals
from remnant.attacks.membership.signals import shifts, signed_margins
from remnant.base.config import Settings
from remnant.cohort.images import Images, patient_means
from remnant.measure.bavaria import bavaria_offline
from remnant.measure.rmia import OFFLINE, rmia
from remnant.measure.swaps import without_patient
from remnant.targets.audited import Audited
from remnant.targets.head import OutputHead
from remnant.targets.seen import SeenOutputs, Shadows

LEAST = 1e-8  # nats, below which a loss is as good as none
LOSS, DICE, MARGIN = "cross-entropy", "Dice", "signed margin"
SIGNALS = {"segmentation": (LOSS, DICE, BORDER), "classification": (MARGIN,)}
NORMAL = (MARGIN, LOSS)  # signals that are nearly normal, by which each attack is run
# From these to the probability of the truth: of a segmenter the geometric mean over the voxels of a scan.
PROBABILITIES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    MARGIN: special.expit,
    LOSS: lambda fit: np.exp(-np.exp(-fit)),
}
AGAINST = "{} against its mean under the reference models"
AGAINST_TRAINED = "{} against models that trained on the patient"
AGAINST_SHADOWS = "{} against shadow models without the patient"
BY_LIKELIHOOD, BY_RATIO = "{} by its likelihood, BaVarIA offline", "{} by its ratio, RMIA offline"


def by_references(access: SeenOutputs, own: Images | None, settings: Settings, work: Work) -> list[PatientScores]:
    """One claim a signal: how much better the target fits a patient than the references do on average; of shadow models those
    that did not train on him. Of the models of other folds one is passed over for each patient, so that all that count trained on
    him, whether or not the target did: else references would fit non-members better than members, and members stand out.

    With the first come the losses under the target and each reference or shadow. By two references or more there are, of signals
    that are nearly normal, BaVarIA's likelihood and RMIA's ratio behind these claims, of models on one side alone.
    """
    if access.shadows:
        return _by_shadows(access, access.shadows, work)
    columns: dict[str, list[np.ndarray]] = {}
    for number, ask in enumerate((access.ask, *access.references)):
        work.tell(f"model {number + 1} of {1 + len(access.references)}")
        for name, values in signals_of(access.head, access.candidates, ask, classes=False).items():
            columns.setdefault(name, []).append(values)
    found = {name: np.stack(values, axis=1) for name, values in columns.items()}
    images = access.candidates.patients
    over = np.array([access.passed_over.get(patient, 0) for patient in images])
    left_out = over[:, None] == np.arange(1, 1 + len(access.references))
    claims, counts = [], np.concatenate([np.zeros((len(images), 1)), ~left_out], axis=1)
    for name, values in found.items():
        patients, fits = patient_means(values, images)
        counted = patient_means(counts, images)[1]
        scores = fits[:, 0] - (counted * fits).sum(1) / counted.sum(1)
        view = (AGAINST_TRAINED if access.passed_over else AGAINST).format(name)
        claims.append(PatientScores(view, patients, scores, None if claims else -fits))
    if (~left_out).sum(1).min() < 2:
        return claims
    for name in (one for one in found if one in NORMAL):
        p, others = np.split(PROBABILITIES[name](found[name]), [1], axis=1)
        likelihood = bavaria_offline(found[name][:, 0], found[name][:, 1:], left_out)
        # Of models that all trained on him nothing is to be guessed of those with him.
        ratio = rmia(p[:, 0], others, left_out, online=False, a=1.0 if access.passed_over else OFFLINE)
        claims += [
            PatientScores(view.format(name), *patient_means(scores, images))
            for view, scores in ((BY_LIKELIHOOD, likelihood), (BY_RATIO, ratio))
        ]
    return claims


def _by_shadows(access: SeenOutputs, shadows: Shadows, work: Work) -> list[PatientScores]:
    claims, (patients, trained) = [], patient_means(shadows.trained, shadows.patients)
    work.tell("the audited model")
    for name, values in signals_of(access.head, access.candidates, access.ask).items():
        own, fits = patient_means(np.column_stack([values, shadows.signals[name]]), access.candidates.patients)
        assert own == patients
        scores = fits[:, 0] - without_patient(fits[:, 1:], trained > 0)
        claims.append(PatientScores(AGAINST_SHADOWS.format(name), patients, scores, None if claims else -fits))
    return claims


def signals_of(
    head: OutputHead,
    candidates: Images,
    ask: Callable[..., Iterator[tuple[int, Tensor]]],
    change: Callable[[Tensor], Tensor] = lambda batch: batch,
    *,
    classes: bool = True,
) -> dict[str, np.ndarray]:
    """What one model, by `ask`, fits of each image after a `change` of it, (n,) by name, higher for a better fit.

    A classifier: the signed margin. A segmenter: minus the logarithm of the cross-entropy over the foreground, of which the
    spread grows with its size, and Dice; the former near borders, too, and with `classes` of each class that is looked at alone.
    """
    labels = candidates.labels
    assert labels is not None
    if head.task == "classification":
        return {MARGIN: signed_margins(ask(candidates, change), labels)}
    alone = [CLASS_LOSS.format(one) for one in (classes_alone(head) if classes else ())]
    found = {name: np.full(len(candidates), math.nan) for name in (*SIGNALS[head.task], *alone)}
    for place, logits in ask(candidates, change):
        truth = change(torch.as_tensor(labels[place])[None])[0]
        found[DICE][place], fit = segmentation_signals(head, logits, truth)
        parts = part_fits(head, logits, truth)
        for name, one in zip((LOSS, BORDER, *alone), (fit, parts.border, *parts.fits), strict=False):
            found[name][place] = -math.log(max(-one, LEAST))
    return found


def queries_of(
    head: OutputHead, candidates: Images, ask: Callable[..., Iterator[tuple[int, Tensor]]], *, several: bool = True
) -> dict[str, np.ndarray]:
    """`signals_of` of each image as it is and of all `shifts` of it, (n, queries) by name; not `several`: as it is alone."""
    places = list(shifts(candidates.spatial))[: None if several else 1]
    found = [signals_of(head, candidates, ask, change) for change in places]
    return {name: np.stack([one[name] for one in found], axis=1) for name in found[0]}


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
