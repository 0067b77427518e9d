"""Classifiers of radiographs for `membership_results.py`: which trainings are compared, and the cell of a network."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from remnant.base.run import Run
from remnant.base.seeds import Seeds
from remnant.base.store import keep, kept
from remnant.cohort.images import Images
from remnant.cohort.layouts.read import read_cohort
from remnant.cohort.membership import split_for_target
from remnant.cohort.prepare.radiographs import RadiographSettings, prepare_radiographs
from remnant.engine.cells import Cell
from remnant.measure.swaps import dealt_halves
from remnant.studies.lee2025.settings import StudySettings, preset
from remnant.studies.lee2025.sources import labelled, labels_of
from remnant.studies.lee2025.targets import MITIGATED
from remnant.targets.classifier import train_classifier
from remnant.targets.features import predict_logits
from remnant.targets.inputs import InputRange
from remnant.targets.recipes import ClassifierSettings, Recipe

SEED, SIDE, SWAPS, MORE_SWAPS = 0, 64, 4, 8
FINDING, VIEW = (
    "finding",
    "view",
)  # what is learned: the study's finding, and whether a radiograph is taken from behind (PA)
ONE_CHANNEL = InputRange(SIDE, channels=1)


@dataclass(frozen=True)
class Leaving:
    """A training of which it is asked what it leaves. `varies`: what is another than in the training that `BASE` names for its
    `label`, in words. `recipe`: after its defences. Of the candidates the share `patients` is dealt to halves, `swaps` times."""

    label: str
    varies: str
    settings: ClassifierSettings
    recipe: Recipe
    patients: float = 1.0
    swaps: int = SWAPS


def _of_study(target: str) -> Leaving:
    study = preset("cpu")
    # Of halves of the patients some may not be learned by heart; that is a finding here, and no fault.
    return Leaving(
        FINDING, "target of the study", study.classifier(target).changed(memorise=False), study.recipe(target)
    )


def _of_view(varies: str, *defences: str, epochs: int = 24, width: int = 64, **more: Any) -> Leaving:
    settings = ClassifierSettings(input_range=ONE_CHANNEL, epochs=epochs, arguments={"width": width})
    recipe = settings.recipe
    for name in defences:
        recipe = MITIGATED[name].defend(recipe, MITIGATED[name].settings())
    return Leaving(VIEW, varies, settings, recipe, **more)


TARGETS_ASKED = (
    "cnn_overfit",
    "cnn",
    "cnn_dropout",
    "cnn_augmentation",
    "cnn_early_stopping",
    "vit_overfit",
    "vit",
)
TRAININGS: dict[str, Leaving] = {
    **{name: _of_study(name) for name in TARGETS_ASKED},
    "view": _of_view("nothing", swaps=MORE_SWAPS),
    "view, 6 epochs": _of_view("training length", epochs=6),
    "view, 12 epochs": _of_view("training length", epochs=12),
    "view, 48 epochs": _of_view("training length", epochs=48),
    "view, augmentation": _of_view("augmentation", "augmentation", swaps=MORE_SWAPS),
    "view, width 16": _of_view("size", width=16),
    "view, early stopping": _of_view("early stopping", "early_stopping"),
    "view, half of the patients": _of_view("number of patients", patients=0.5),
    "view, a quarter of the patients": _of_view("number of patients", patients=0.25),
}
BASE = {FINDING: "cnn_overfit", VIEW: "view"}


@dataclass(frozen=True)
class People:
    """By what is learned the labels of each (images,): of the `first` radiograph of each candidate, of `later` ones of the same
    people, and of one of each of the `others`, who train no network."""

    first: Images
    later: Images
    others: Images
    labels: Mapping[str, tuple[Tensor, Tensor, Tensor]]


@dataclass(frozen=True)
class Answers:
    """Of a network who of its candidates trained it, bool (n,), and its signed margins: of their first radiographs (n,), of later
    ones (m,) and of the others (k,); `seconds` of the processor are its cell's."""

    trained: np.ndarray
    first: np.ndarray
    later: np.ndarray
    others: np.ndarray


def people(data: Path) -> People:
    """The candidates, members and non-members of the study lee2025, and its validation patients."""
    settings = StudySettings(preset="cpu")
    cohort = read_cohort(data, tell=lambda note: None)
    findings = labels_of(cohort, "private", settings.private_finding, None)
    seeds = Seeds(settings.seed).child("split", "private")
    split = split_for_target(cohort.cases, findings, seeds=seeds, validation=settings.validation)
    images = prepare_radiographs(cohort, RadiographSettings(side=SIDE), quiet=True)
    learned = {
        FINDING: labelled(images, cohort, findings).labels,
        VIEW: torch.tensor([int(case.view == "PA") for case in cohort.cases]),
    }
    first = {patient: place for place, patient in reversed(list(enumerate(images.patients)))}
    candidates = sorted((*split.members, *split.non_members))
    groups = [
        [first[patient] for patient in candidates],
        [i for i, patient in enumerate(images.patients) if patient in {*candidates} and i != first[patient]],
        [first[patient] for patient in sorted(split.validation)],
    ]
    return People(
        *(images.take(places) for places in groups),
        {name: tuple(torch.as_tensor(labels)[places] for places in groups) for name, labels in learned.items()},
    )


def network_cells(asked: People) -> list[Cell]:
    """A cell a network, those of swap r at 2r and 2r + 1."""
    return [
        Cell(
            f"network-{place}-{number}",
            network_cell,
            {"name": name, "number": number, "asked": asked},
        )
        for place, (name, training) in enumerate(TRAININGS.items())
        for number in range(2 * training.swaps)
    ]


def network_cell(run: Run, name: str, number: int, asked: People) -> dict[str, Any]:
    """Train a network of one of the trainings by a half, and keep what it answers."""
    training = TRAININGS[name]
    own, labels = candidates_of(training, asked)
    # The halves of a swap are the same of all trainings on as many people.
    deal = Seeds(SEED).child("leaves", "halves", len(own), number // 2).numpy()
    inside = dealt_halves(len(own), 1, deal)[:, number % 2]
    groups = [asked.first.take(own), asked.later.take(later_of(own, asked)), asked.others]
    firsts, watching = (
        Images(images.images, of, images.patients) for images, of in zip(groups[::2], labels[::2], strict=True)
    )
    model = train_classifier(
        firsts.take(np.flatnonzero(inside)),
        watching,
        training.settings,
        Seeds(SEED).child("leaves", name, number),
        recipe=training.recipe,
    ).model
    margins = [
        predict_logits(model, images.images, training.settings.input_range).double().numpy()[:, 0]
        * (2 * np.asarray(of) - 1)
        for images, of in zip(groups, labels, strict=True)
    ]
    keep(answers_file(run, name, number), Answers(inside, *margins))
    return {"training": name, "epochs": training.settings.epochs}


def candidates_of(training: Leaving, asked: People) -> tuple[list[int], tuple[Tensor, Tensor, Tensor]]:
    """Places of the candidates of a training among all of them, and its labels: of their first and later radiographs, and of the
    others."""
    first, later, others = asked.labels[training.label]
    order = Seeds(SEED).child("leaves", "people").numpy().permutation(len(asked.first))
    own = sorted(order[: round(training.patients * len(order))].tolist())
    return own, (first[own], later[later_of(own, asked)], others)


def later_of(own: list[int], asked: People) -> list[int]:
    """Places of the later radiographs of the candidates at these places."""
    names = {asked.first.patients[place] for place in own}
    return [i for i, patient in enumerate(asked.later.patients) if patient in names]


def answers_of(run: Run, name: str) -> list[Answers]:
    """Of every network of a training what was kept."""
    return [kept(answers_file(run, name, number), Answers) for number in range(2 * TRAININGS[name].swaps)]


def answers_file(run: Run, name: str, number: int) -> Path:
    """Where it is kept."""
    return run.private / "answers" / f"{name.replace(' ', '-').replace(',', '')}-{number}.npz"
