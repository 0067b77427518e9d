"""Membership without shadow models: how far a patient is fit better than others like him, whom nobody's training saw."""

import numpy as np
import torch
from torch.nn import functional

from remnant.attacks.attack import Attack, PatientScores, Work, without_labels
from remnant.attacks.membership.blind import sharpness
from remnant.attacks.membership.references import LOSS, MARGIN, signals_of
from remnant.base.config import Settings
from remnant.cohort.images import Images, patient_means
from remnant.measure.quantile import FEWEST, beyond_quantile
from remnant.targets.audited import Audited
from remnant.targets.seen import SeenOutputs

VIEW = "{} beyond its quantile of others like him"
SIDES = {1: 8, 2: 4, 3: 2}  # of the reduced image, by its axes
CLASSES = 20  # that become a column each
MOST = 500  # of the attacker's images, drawn at random: more take long


def by_quantile(access: SeenOutputs, own: Images | None, settings: Settings, work: Work) -> list[PatientScores]:
    """One claim: the signed margin, or of a segmenter minus the logarithm of the cross-entropy, against the quantiles of the
    attacker's own images by what they look like and their labels (`measure.quantile`); means over a patient's images."""
    assert own is not None
    own = _labelled(own)
    own = own.take(sorted(work.seeds.child("own").numpy().permutation(len(own))[:MOST]))
    signal = LOSS if access.head.task == "segmentation" else MARGIN
    fits, features = [], []
    for words, images in (("the attacker's own images", own), ("the candidates", access.candidates)):
        work.tell(words)
        fits.append(signals_of(access.head, images, access.ask)[signal])
        features.append(described(images, access.head.outputs))
    groups = np.array(own.patients)
    scores = beyond_quantile(features[0], fits[0], features[1], fits[1], groups)
    return [PatientScores(VIEW.format(signal), *patient_means(scores, access.candidates.patients))]


def described(images: Images, outputs: int) -> np.ndarray:
    """Numbers (n, d) of each image that know nothing of a model: a reduced image, mean, spread, sharpness, and of its label the
    class, or how much of the label map each class has."""
    pool = {1: functional.adaptive_avg_pool1d, 2: functional.adaptive_avg_pool2d, 3: functional.adaptive_avg_pool3d}
    rows, labels = [], () if images.labels is None else images.labels
    for image, label in zip(images.images, labels, strict=True):
        grey = image.float().mean(0, keepdim=True)
        told = torch.as_tensor(label).float().nan_to_num(0.5)
        if told.numel() == 1 or told.dim() == images.spatial:
            kinds = [float((told == one).float().mean()) for one in range(1, min(max(outputs, 2), CLASSES))]
        else:
            kinds = told.flatten(1).mean(1).tolist() if told.dim() > 1 else told.tolist()
        reduced = pool[images.spatial](grey[None], SIDES[images.spatial]).flatten().tolist()
        rows.append([*reduced, float(grey.mean()), float(grey.std()), *sharpness(grey), *kinds])
    return np.array(rows)


def _labelled(images: Images) -> Images:
    """Those of which something is known: of others nobody can say how well a model fits them."""
    labels = () if images.labels is None else images.labels
    return images.take([place for place, label in enumerate(labels) if torch.as_tensor(label).isfinite().any()])


def _taught(target: Audited, candidates: Images, own: Images | None) -> str:
    if why := without_labels(candidates):
        return why
    known = 0 if own is None else len(_labelled(own))
    return (
        ""
        if known >= FEWEST
        else f"the attacker's own images with labels are {known}, and it learns of {FEWEST} or more"
    )


QUANTILE = Attack(
    "quantile",
    "how far the model fits a patient better than a quantile of the attacker's own images that are like his",
    access="outputs",
    claim="patient_scores",
    run=by_quantile,
    source="Bertran et al. 2023, arXiv 2307.03694; linear quantiles ours",
    applies=_taught,
    needs=f"{FEWEST} images of the attacker's own (member None) with their labels",
)
