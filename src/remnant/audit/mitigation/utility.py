"""What a network is worth to those who use it: its task, on patients who did not train it."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from remnant.base.seeds import Seeds
from remnant.cohort.images import Images
from remnant.measure.intervals import Interval, bootstrap_mean, clopper_pearson
from remnant.measure.overlap import dice, mean_dice
from remnant.targets.audited import Audited

BALANCED, DICE = "balanced accuracy", "Dice"
LEAST_BALANCED = 0.7  # below which a classifier has learned so little that its silence says nothing
MOST_DICE_LOST = 0.05  # against the training without a defence, beyond which two segmenters are no longer alike

# What is right or wrong: a class, of networks with several outputs one of an output.
Cell = tuple[int, int]


@dataclass(frozen=True)
class Utility:
    """`measure`: balanced accuracy or Dice; `by_patient`: numbers of which it is the mean; the mean with its 95% interval."""

    measure: str
    by_patient: Mapping[str, float]
    value: float
    low: float
    high: float

    def too_low(self, without: "Utility") -> str:
        """Why a network of this utility is not held against the one `without` a defence, in words; empty where it is."""
        if self.measure == BALANCED:
            short = self.value < LEAST_BALANCED
            return f"balanced accuracy {self.value:.2f} is below {LEAST_BALANCED}" if short else ""
        lost = without.value - self.value
        return f"Dice {self.value:.2f} is {lost:.2f} below that without a defence" if lost > MOST_DICE_LOST else ""


def utility_of(target: Audited, images: Images, seeds: Seeds) -> Utility:
    """Of a classifier the mean share right over classes, of a segmenter the mean Dice over its foreground classes and patients.

    Of several images of a patient with one label their mean answer counts. The interval of a balanced accuracy is made of the
    exact ones of its classes by the square-and-add rule (Zou and Donner 2008); over several outputs, which are of the same
    patients, the ends are averaged, as if they moved together. That of Dice is a bootstrap over patients.
    """
    answers = dict(target.answers(images))
    logits = [answers[place] for place in range(len(images))]
    labels = [torch.as_tensor(label) for label in images.labels or ()]
    if target.head.task == "segmentation":
        return _dice(target, logits, labels, images.patients, seeds)
    return _balanced(target, logits, labels, images.patients)


def _dice(
    target: Audited, logits: list[Tensor], labels: list[Tensor], patients: tuple[str, ...], seeds: Seeds
) -> Utility:
    own: dict[str, list[float]] = {}
    for patient, answer, truth in zip(patients, logits, labels, strict=True):
        if target.head.kind == "softmax":
            found = mean_dice(dice(answer.argmax(0)[None].numpy(), truth[None].long().numpy(), target.head.outputs))[0]
        else:
            maps = [(part.long().numpy()) for part in (answer > 0, truth.reshape(answer.shape) > 0.5)]
            found = np.nanmean(dice(*maps, 2)[:, 1]) if any(one.any() for one in maps) else math.nan
        if np.isfinite(found):
            own.setdefault(patient, []).append(float(found))
    by_patient = {patient: float(np.mean(values)) for patient, values in own.items()}
    interval = bootstrap_mean(np.array(list(by_patient.values())), seeds.numpy())
    return Utility(DICE, by_patient, interval.mean, interval.low, interval.high)


def _balanced(target: Audited, logits: list[Tensor], labels: list[Tensor], patients: tuple[str, ...]) -> Utility:
    right = _right(target, logits, labels, patients)
    cells: dict[Cell, list[tuple[str, bool]]] = {}
    for (patient, cell), one in right.items():
        cells.setdefault(cell, []).append((patient, one))
    outputs: dict[int, list[Interval]] = {}
    for (output, _), found in sorted(cells.items()):
        share = clopper_pearson(sum(one for _, one in found), len(found))
        outputs.setdefault(output, []).append(share)
    each = [_mean_of(shares) for shares in outputs.values()]
    everybody = dict.fromkeys(patients, 0.0)
    for found in cells.values():
        for patient, one in found:
            # So weighed that the mean over patients is the balanced accuracy.
            everybody[patient] += one * len(everybody) / (len(cells) * len(found))
    ends = (float(np.mean([getattr(one, name) for one in each])) for name in ("mean", "low", "high"))
    return Utility(BALANCED, everybody, *ends)


def _right(
    target: Audited, logits: list[Tensor], labels: list[Tensor], patients: tuple[str, ...]
) -> dict[tuple[str, Cell], bool]:
    """Whether a patient's mean answer is right, by patient and what the truth is."""
    sums: dict[tuple[str, Cell], list[Tensor]] = {}
    exclusive = target.head.kind == "softmax"
    for patient, answer, truth in zip(patients, logits, labels, strict=True):
        if exclusive:
            sums.setdefault((patient, (0, int(truth))), []).append(answer)
            continue
        for output, value in enumerate(truth.float().reshape(-1).tolist()):
            if math.isfinite(value):
                sums.setdefault((patient, (output, int(value))), []).append(answer[output])
    found = {}
    for (patient, (output, value)), answers in sums.items():
        mean = torch.stack(answers).mean(0)
        found[patient, (output, value)] = (int(mean.argmax()) if exclusive else int(mean > 0)) == value
    return found


def _mean_of(shares: list[Interval]) -> Interval:
    """The mean of independent shares, by the square-and-add rule."""
    mean, k = sum(one.mean for one in shares) / len(shares), len(shares)
    below, above = (math.hypot(*(getattr(one, end) - one.mean for one in shares)) / k for end in ("low", "high"))
    return Interval(mean, max(0.0, mean - below), min(1.0, mean + above), sum(one.n for one in shares))
