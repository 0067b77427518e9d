"""Membership by the model's own output, of any classifier or segmenter: a threshold on what it says of a patient's images."""

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from remnant.attacks.attack import Attack, PatientScores, Work
from remnant.attacks.membership.segmentation import segmentation_certainty, segmentation_signals
from remnant.attacks.membership.signals import confidence, shifts, signed_margins
from remnant.base.config import Settings
from remnant.cohort.images import Images, patient_means
from remnant.targets.seen import SeenOutputs

MARGIN, MARGIN_SHIFTED, CORRECT = "signed margin", "signed margin, mean over shifted images", "right or wrong"
CERTAINTY, CERTAINTY_SHIFTED = "certainty", "certainty, mean over shifted images"
DICE, DICE_SHIFTED = "Dice", "Dice, mean over shifted scans"
CROSS_ENTROPY, CROSS_ENTROPY_SHIFTED = "cross-entropy", "cross-entropy, mean over shifted scans"
OWN_LOSS = "the owner's loss"


def by_output(access: SeenOutputs, own: Images | None, settings: Settings, work: Work) -> list[PatientScores]:
    """One claim a signal. A classifier: signed margin of the image as it is and as the mean over nine places, and whether the
    answer is right (Yeom et al. 2018, the gap attack). A segmenter: Dice and cross-entropy over the foreground, as it is and over
    four places. Where no labels are known, how sure either is. With the owner's loss, that too. The first is the primary one: a
    network that learned images by heart knows them less well when shifted, one trained with shifts knows the image itself, too.
    """
    candidates = access.candidates
    places = [_signals(access, change) for change in shifts(candidates.spatial)]
    mean = {name: np.mean([one[name] for one in places], axis=0) for name in places[0]}
    if candidates.labels is None:
        found = {CERTAINTY: places[0][CERTAINTY], CERTAINTY_SHIFTED: mean[CERTAINTY]}
    elif access.head.task == "segmentation":
        found = {**places[0], DICE_SHIFTED: mean[DICE], CROSS_ENTROPY_SHIFTED: mean[CROSS_ENTROPY]}
    else:
        margin = places[0][MARGIN]
        found = {MARGIN: margin, MARGIN_SHIFTED: mean[MARGIN], CORRECT: (margin > 0).astype(float)}
    if access.losses:
        found[OWN_LOSS] = -access.losses(candidates)
    return [PatientScores(view, *patient_means(values, candidates.patients)) for view, values in found.items()]


def _signals(access: SeenOutputs, change: Callable[[Tensor], Tensor]) -> dict[str, np.ndarray]:
    candidates, labels = access.candidates, access.candidates.labels
    if labels is None:
        found = {CERTAINTY: np.full(len(candidates), math.nan)}
        dense = access.head.task == "segmentation"
        for place, logits in access.ask(candidates, change):
            sure = segmentation_certainty(access.head, logits) if dense else confidence(logits[None])[0]
            found[CERTAINTY][place] = sure
        return found
    if access.head.task == "classification":
        return {MARGIN: signed_margins(access.ask(candidates, change), labels)}
    found = {name: np.full(len(candidates), math.nan) for name in (DICE, CROSS_ENTROPY)}
    for place, logits in access.ask(candidates, change):
        truth = change(torch.as_tensor(labels[place])[None])[0]
        found[DICE][place], found[CROSS_ENTROPY][place] = segmentation_signals(access.head, logits, truth)
    return found


OUTPUT = Attack(
    "output",
    "a threshold on the model's own answer about a patient's images",
    access="outputs",
    claim="patient_scores",
    run=by_output,
    source="Yeom et al. 2018, arXiv 1709.01604",
    primary=True,
)
