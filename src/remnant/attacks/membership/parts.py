"""Membership by parts of a segmentation: near borders, where strangers are hard to fit, and class by class."""

import numpy as np
import torch

from remnant.attacks.attack import Attack, PatientScores, Work, without_labels
from remnant.attacks.membership.segmentation import classes_alone, part_fits
from remnant.base.config import Settings
from remnant.cohort.images import Images, patient_means
from remnant.targets.audited import Audited
from remnant.targets.seen import SeenOutputs

BORDER = "cross-entropy near borders"
CLASS_DICE, CLASS_LOSS = "Dice of class {}", "cross-entropy of class {}"


def by_parts(access: SeenOutputs, own: Images | None, settings: Settings, work: Work) -> list[PatientScores]:
    """Claims of each scan as it is: minus the cross-entropy over voxels near borders and, where two or three foreground classes
    are looked at alone, Dice and minus the cross-entropy of each; means over a patient's scans."""
    candidates, labels = access.candidates, access.candidates.labels
    assert labels is not None
    alone = classes_alone(access.head)
    views = [BORDER, *(view.format(one) for view in (CLASS_DICE, CLASS_LOSS) for one in alone)]
    values = np.empty((len(candidates), len(views)))
    for place, logits in access.ask(candidates):
        found = part_fits(access.head, logits, torch.as_tensor(labels[place]))
        values[place] = found.border, *found.dices, *found.fits
    patients, means = patient_means(values, candidates.patients)
    return [PatientScores(view, patients, means[:, place]) for place, view in enumerate(views)]


def _dense(target: Audited, candidates: Images, own: Images | None) -> str:
    if target.head.task != "segmentation":
        return "the network is no segmenter"
    return without_labels(candidates)


PARTS = Attack(
    "parts",
    "a threshold on how well a segmentation fits near borders, and each class",
    access="outputs",
    claim="patient_scores",
    run=by_parts,
    source="Yeom et al. 2018, arXiv 1709.01604, of parts of a scan",
    applies=_dense,
)
