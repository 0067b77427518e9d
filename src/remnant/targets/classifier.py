"""Train the classifier under audit on its members: regularly, to overfit, and with each of the paper's mitigations (Lee 2025)."""

import copy
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn import functional

from remnant.base.errors import RemnantError
from remnant.base.seeds import Seeds
from remnant.cohort.images import Images
from remnant.engine.device import as_batch
from remnant.engine.loop import EpochReport, fit
from remnant.measure.demographics import SexSkill, sex_skill
from remnant.nets.classifiers import build_classifier
from remnant.targets.augmentation import augment
from remnant.targets.features import predict_logits
from remnant.targets.initial import load_initial
from remnant.targets.inputs import InputRange
from remnant.targets.patients import check_disjoint, check_images
from remnant.targets.recipes import PLANTED, ClassifierSettings

# Trainings, one after the other, in which a target may memorise what it must.
MEMORISING_CYCLES = 4
# How often a training that stops for nobody looks at the validation patients, of longer ones.
LOOKS = 100


class Epoch(NamedTuple):
    """Of one epoch: mean loss and share of images right while training, and the validation's loss after it where it was asked."""

    loss: float
    accuracy: float
    validation_loss: float | None


@dataclass(frozen=True)
class TrainedClassifier:
    """A target with what its training told.

    `model` in evaluation mode, from what `settings.input_range` gives to logits (n, 1); its weights are those after epoch
    `kept` (from 0, -1 for none) of `history`. `accuracy`: share of the training images that it reads rightly. `training` and
    `validation`: accuracy, balanced accuracy and AUC over patients, with the majority guess. Where training stopped early, the
    validation patients chose when, so that its figures flatter a little.
    """

    model: nn.Module
    settings: ClassifierSettings
    history: tuple[Epoch, ...]
    kept: int
    accuracy: float
    training: SexSkill
    validation: SexSkill


def train_classifier(
    training: Images,
    validation: Images,
    settings: ClassifierSettings,
    seeds: Seeds,
    report: EpochReport = lambda epoch, loss, validation: None,
) -> TrainedClassifier:
    """Train a target by its recipe; `report(epoch, loss, validation loss)` after every epoch.

    The images of either group are float32 (n, 1, N, N) in [0, 1], their labels (n,) 0 and 1.

    The loss is binary cross-entropy with classes weighed inversely to their number of training images (mean weight 1), and not
    balanced batches: every patient is shown equally often whatever the class, and running statistics are those of the data.
    A recipe that stops early keeps the weights of the epoch with the lowest such loss on `validation`; the others keep the
    last epoch's. A target that must memorise its training images and has not after its epochs is trained again from where it
    stands, `MEMORISING_CYCLES` times in all. Raises `RemnantError` for images, labels or patients that do not fit, a patient
    in both groups, and a target that must memorise its training images and does not.
    """
    _check(training, validation, settings)
    memorise, n = settings.means.memorise, len(training.images)
    torch.manual_seed(seeds.child("weights").integer)
    model = build_classifier(**settings.build_arguments)
    if settings.initial:
        load_initial(model, settings.initial)
    order, drawing = seeds.child("order").numpy(), seeds.child("augmentation").torch()
    truth = torch.from_numpy(np.asarray(training.labels, dtype=np.float32))
    # Inverse class frequencies: of class 0, of class 1.
    weights = (n / (2 * torch.bincount(truth.long(), minlength=2))).float()
    steps = -(-n // settings.batch)
    stopping = _Stopping(settings.patience) if settings.means.early_stopping else None
    history: list[Epoch] = []
    right = 0

    def draw_epoch(epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
        nonlocal right
        right = 0
        for chosen in np.array_split(order.permutation(n), steps):
            images = as_batch(training.images[chosen])
            if settings.means.augmentation:
                images = augment(images, settings.augmentation.draw(len(images), drawing))
            yield settings.input_range(images), truth[chosen].to(images.device)

    def loss(network: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
        nonlocal right
        logits = network(batch[0]).squeeze(1)
        right += int(((logits > 0) == batch[1].bool()).sum())
        return balanced_loss(logits, batch[1], weights)

    def after_epoch(epoch: int, mean: float, _: float | None) -> None:
        # Not `fit`'s own validation, which is asked ten times in all: a stop needs every epoch's. Without one a hundred will
        # do, since of the thousand short epochs on a few planted images it took most of the time.
        value = None
        if stopping or (epoch + 1) % max(1, settings.fit.epochs // LOOKS) == 0 or epoch + 1 == settings.fit.epochs:
            logits = predict_logits(model, validation.images, settings.input_range).squeeze(1)
            labels = torch.from_numpy(np.asarray(validation.labels, dtype=np.float32))
            value = balanced_loss(logits, labels, weights).item()
        history.append(Epoch(mean, right / n, value))
        if stopping:
            stopping.look(model, history)
        report(len(history) - 1, mean, history[-1].validation_loss)

    stop = stopping.due if stopping else (lambda losses: False)
    # How many epochs memorising takes hangs on the machine's rounding too: what falls short goes round again.
    for _ in range(MEMORISING_CYCLES if memorise else 1):
        fit(model, draw_epoch, steps, loss, settings.fit, report=after_epoch, stop=stop)
        kept = stopping.restore(model) if stopping else len(history) - 1
        right_at_last = share_right(model, training, settings.input_range)
        if right_at_last == 1:
            break
    if memorise and right_at_last < 1:
        raise RemnantError(
            f"The target '{settings.recipe}' must read all {n} training images rightly at the end and reads "
            f"{round(n * right_at_last)} "
            f"(best while training: {max(epoch.accuracy for epoch in history):.1%}); give it more epochs (now "
            f"{MEMORISING_CYCLES} times {settings.fit.epochs}), another learning_rate (now {settings.learning_rate}), or look "
            "for wrong labels."
        )
    skills = [skill_of(model, group, settings.input_range) for group in (training, validation)]
    return TrainedClassifier(model, settings, tuple(history), kept, right_at_last, *skills)


def balanced_loss(logits: Tensor, labels: Tensor, weights: Tensor) -> Tensor:
    """Binary cross-entropy of `logits` (n,) against `labels` (n,) of 0.0 and 1.0, each weighed by its class: `weights` (2,)."""
    weight = weights.to(labels.device)[labels.long()]
    return functional.binary_cross_entropy_with_logits(logits.float(), labels, weight=weight)


class _Stopping:
    """Early stopping: the epoch with the lowest validation loss, and the end once `patience` epochs brought none lower."""

    def __init__(self, patience: int) -> None:
        self.patience = patience
        self.best, self.since, self.lowest = 0, 0, float("inf")
        self.weights: dict[str, Tensor] = {}

    def look(self, model: nn.Module, history: Sequence[Epoch]) -> None:
        self.since += 1
        if history[-1].validation_loss < self.lowest or not self.weights:
            self.best, self.since, self.lowest = len(history) - 1, 0, history[-1].validation_loss
            self.weights = copy.deepcopy(model.state_dict())

    def due(self, losses: Sequence[float]) -> bool:
        return self.since >= self.patience

    def restore(self, model: nn.Module) -> int:
        model.load_state_dict(self.weights)
        return self.best


def share_right(model: nn.Module, group: Images, input_range: InputRange) -> float:
    """The share of a group's images that a target reads rightly."""
    logits = predict_logits(model, group.images, input_range).squeeze(1).numpy()
    return float(np.mean((logits > 0) == (np.asarray(group.labels) == 1)))


def skill_of(model: nn.Module, group: Images, input_range: InputRange) -> SexSkill:
    """Accuracy, balanced accuracy and AUC of a target over a group's patients: one value a patient and label, the mean logit of
    the images, so that nobody counts twice.
    """
    logits = predict_logits(model, group.images, input_range).squeeze(1).numpy()
    table = pd.DataFrame({"patient": list(group.patients), "label": np.asarray(group.labels) == 1, "logit": logits})
    means = table.groupby(["patient", "label"], sort=False, as_index=False).mean()
    return sex_skill(means["logit"].to_numpy(), means["label"].to_numpy(), threshold=0.0)


def _check(training: Images, validation: Images, settings: ClassifierSettings) -> None:
    for group, what in ((training, "training"), (validation, "validation")):
        check_images(group.images, what)
        if sorted(set(np.asarray(group.labels).tolist())) != [0, 1]:
            raise RemnantError(
                f"The {what} labels must be 0 and 1, and both be there. Got {dict(Counter(np.asarray(group.labels).tolist()))}."
            )
    check_disjoint(training.patients, validation.patients)
    if settings.recipe == "planted" and len(training.images) != PLANTED:
        raise RemnantError(f"A planted target is trained on {PLANTED} images. Got {len(training.images)} instead.")
    if settings.means.memorise:
        seen: dict[bytes, int] = {}
        for index, image in enumerate(training.images.numpy()):
            other = seen.setdefault(image.tobytes(), index)
            if training.labels[other] != training.labels[index]:
                raise RemnantError(
                    f"Training images {other} and {index} are the same and their labels differ, so that no target can memorise "
                    "both; correct a label or leave them out."
                )
