"""Train the classifier under audit on its members, plainly or as defences change the recipe (Lee 2025)."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

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
from remnant.targets.features import predict_logits
from remnant.targets.initial import load_initial
from remnant.targets.inputs import InputRange
from remnant.targets.patients import check_disjoint, check_images
from remnant.targets.recipes import Batch, ClassifierSettings, Recipe

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
    `kept` (from 0, -1 for none) of `history`, by the `recipe`. `accuracy`: share of the training images that it reads rightly.
    `training` and `validation`: accuracy, balanced accuracy and AUC over patients, with the majority guess. Where training
    stopped early, the validation patients chose when, so that its figures flatter a little.
    `privacy`: what a private training guarantees, for a patient with all of his images; what else stands here is not under it.
    """

    model: nn.Module
    settings: ClassifierSettings
    recipe: Recipe
    history: tuple[Epoch, ...]
    kept: int
    accuracy: float
    training: SexSkill
    validation: SexSkill
    privacy: Mapping[str, Any] | None = None


def train_classifier(
    training: Images,
    validation: Images,
    settings: ClassifierSettings,
    seeds: Seeds,
    report: EpochReport = lambda epoch, loss, validation: None,
    recipe: Recipe | None = None,
) -> TrainedClassifier:
    """Train a target by the `recipe`, that of its settings or what defences made of it; `report(epoch, loss, validation loss)`
    after every epoch.

    The images of either group are float32 (n, 1, N, N) in [0, 1], their labels (n,) 0 and 1.

    The loss is binary cross-entropy with classes weighed inversely to their number of training images (mean weight 1), and not
    balanced batches: every patient is shown equally often whatever the class, and running statistics are those of the data.
    A recipe with a stopping keeps the epoch that this chooses by such a loss on `validation`; the others keep the last. A target
    that must memorise its training images and has not after its epochs is trained again from where it stands,
    `MEMORISING_CYCLES` times in all. Raises `RemnantError` for images, labels or patients that do not fit, a patient
    in both groups, and a target that must memorise its training images and does not.
    """
    _check(training, validation, settings)
    recipe, memorise, n = recipe or settings.recipe, settings.memorise, len(training.images)
    if memorise and recipe.privacy:
        raise RemnantError(
            "A target that must memorise its training images cannot be trained privately; leave one of the two."
        )
    torch.manual_seed(seeds.child("weights").integer)
    model = build_classifier(**recipe.arguments)
    if settings.initial:
        load_initial(model, settings.initial)
    order, change = seeds.child("order").numpy(), recipe.change_of_batches(seeds)
    truth = torch.from_numpy(np.asarray(training.labels, dtype=np.float32))
    # Inverse class frequencies: of class 0, of class 1.
    weights = (n / (2 * torch.bincount(truth.long(), minlength=2))).float()
    steps = -(-n // settings.batch)
    stopping = recipe.stopping() if recipe.stopping else None
    private, own = recipe.private_steps(training.patients, settings.batch, seeds) or (None, [])
    if private:
        # Shares of the classes tell of every patient whatever a step learns of him.
        weights = torch.ones(2)
    history: list[Epoch] = []
    right = seen = 0

    def batch_of(chosen: np.ndarray) -> Batch:
        images = as_batch(training.images[chosen])
        batch = change(Batch(images, truth[chosen].to(images.device)))
        return Batch(settings.input_range(batch.images), batch.truth)

    def draw_epoch(epoch: int) -> Iterator[Any]:
        nonlocal right, seen
        right = seen = 0
        if private:
            for _ in range(steps):
                yield [batch_of(own[place]) for place in private.draw()]
            return
        for chosen in np.array_split(order.permutation(n), steps):
            yield batch_of(chosen)

    def loss(network: nn.Module, batch: Batch) -> Tensor:
        nonlocal right, seen
        logits = network(batch.images).squeeze(1)
        right, seen = right + int(((logits > 0) == (batch.truth > 0.5)).sum()), seen + len(logits)
        return balanced_loss(logits, batch.truth, weights)

    def after_epoch(epoch: int, mean: float, _: float | None) -> None:
        # Not `fit`'s own validation, which is asked ten times in all: a stop needs every epoch's. Without one a hundred will
        # do, since of the thousand short epochs on a few planted images it took most of the time.
        value = None
        epochs = recipe.fit.epochs
        if stopping or (epoch + 1) % max(1, epochs // LOOKS) == 0 or epoch + 1 == epochs:
            logits = predict_logits(model, validation.images, settings.input_range).squeeze(1)
            labels = torch.from_numpy(np.asarray(validation.labels, dtype=np.float32))
            value = balanced_loss(logits, labels, weights).item()
        history.append(Epoch(mean, right / max(1, seen), value))
        if stopping:
            stopping.look(model, value)
        report(len(history) - 1, mean, history[-1].validation_loss)

    # How many epochs memorising takes hangs on the machine's rounding too: what falls short goes round again.
    for _ in range(MEMORISING_CYCLES if memorise else 1):
        fit(
            model,
            draw_epoch,
            steps,
            loss,
            recipe.fit,
            learn=private.learn if private else None,
            report=after_epoch,
            stop=lambda losses: bool(stopping and stopping.due()),
        )
        kept = stopping.restore(model) if stopping else len(history) - 1
        right_at_last = share_right(model, training, settings.input_range)
        if right_at_last == 1:
            break
    if memorise and right_at_last < 1:
        raise RemnantError(
            f"The target must read all {n} training images rightly at the end and reads "
            f"{round(n * right_at_last)} "
            f"(best while training: {max(epoch.accuracy for epoch in history):.1%}); give it more epochs (now "
            f"{MEMORISING_CYCLES} times {recipe.fit.epochs}), another learning_rate (now {settings.learning_rate}), or look "
            "for wrong labels."
        )
    skills = [skill_of(model, group, settings.input_range) for group in (training, validation)]
    told = asdict(private.told) if private else None
    return TrainedClassifier(model, settings, recipe, tuple(history), kept, right_at_last, *skills, privacy=told)


def balanced_loss(logits: Tensor, labels: Tensor, weights: Tensor) -> Tensor:
    """Binary cross-entropy of `logits` (n,) against `labels` (n,), probabilities of class 1, each weighed by its classes:
    `weights` (2,), of either as much as there is of it."""
    of_0, of_1 = weights.to(labels.device)
    weight = of_0 * (1 - labels) + of_1 * labels
    return functional.binary_cross_entropy_with_logits(logits.float(), labels, weight=weight)


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
    if settings.memorise:
        seen: dict[bytes, int] = {}
        for index, image in enumerate(training.images.numpy()):
            other = seen.setdefault(image.tobytes(), index)
            if training.labels[other] != training.labels[index]:
                raise RemnantError(
                    f"Training images {other} and {index} are the same and their labels differ, so that no target can memorise "
                    "both; correct a label or leave them out."
                )
