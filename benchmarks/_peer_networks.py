"""Classifiers of radiographs that known halves of the patients train, a file each, for `membership_peers.py`."""

import itertools
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from scipy import stats

from remnant.attacks.membership.signals import shifts
from remnant.base.seeds import Seeds
from remnant.base.store import keep, kept
from remnant.cohort.images import Images
from remnant.cohort.layouts.read import read_cohort
from remnant.cohort.membership import split_for_target
from remnant.cohort.prepare.radiographs import RadiographSettings, prepare_radiographs
from remnant.measure.swaps import dealt_halves
from remnant.studies.lee2025.settings import StudySettings
from remnant.studies.lee2025.sources import labelled, labels_of
from remnant.studies.lee2025.targets import MITIGATED
from remnant.targets.classifier import train_classifier
from remnant.targets.features import predict_logits
from remnant.targets.inputs import InputRange
from remnant.targets.recipes import ClassifierSettings

SEED, SIDE, QUERIES = 0, 64, 3
# Each with the defences of the study's recipe of that name but early stopping, which of so few patients keeps the first epoch.
TRAININGS = {"regular": ("weight_decay", "augmentation"), "overfit": ()}
EPOCHS = {"regular": 12, "overfit": 24}


@dataclass(frozen=True)
class Network:
    """What is kept of a network: who of the candidates trained it, bool (n,); its logits of their image and its shifts
    (n, queries), and of the images of others, who train no network, (m,); seconds of the processor."""

    trained: np.ndarray
    logits: np.ndarray
    of_others: np.ndarray
    seconds: float


def people(data: Path) -> tuple[Images, Images]:
    """The first radiograph of each candidate, members and non-members of the study lee2025, and of its validation patients,
    with the study's labels."""
    settings = StudySettings(preset="cpu")
    cohort = read_cohort(data, tell=lambda note: None)
    labels = labels_of(cohort, "private", settings.private_finding, None)
    seeds = Seeds(settings.seed).child("split", "private")
    split = split_for_target(cohort.cases, labels, seeds=seeds, validation=settings.validation)
    images = labelled(prepare_radiographs(cohort, RadiographSettings(side=SIDE), quiet=True), cohort, labels)
    first = {patient: place for place, patient in reversed(list(enumerate(images.patients)))}
    groups = (sorted((*split.members, *split.non_members)), sorted(split.validation))
    candidates, others = (images.take([first[patient] for patient in group]) for group in groups)
    return candidates, others


def train_networks(folder: Path, swaps: int, candidates: Images, others: Images) -> dict[str, list[Network]]:
    """The networks of each training in `folder`, those of swap r at 2r and 2r + 1; trains those that are not there yet."""
    found: dict[str, list[Network]] = {training: [] for training in TRAININGS}
    for number in range(2 * swaps):
        for training, networks in found.items():
            path = folder / f"{training}-{number}.npz"
            if not path.exists():
                keep(path, _trained(training, number, candidates, others))
            networks.append(kept(path, Network))
            print(path.name, f"{networks[-1].seconds:.0f} s", flush=True)
    return found


def _trained(training: str, number: int, candidates: Images, others: Images) -> Network:
    began, seeds = time.process_time(), Seeds(SEED).child("peers", number)
    deal = Seeds(SEED).child("peers", "halves", number // 2).numpy()
    inside = dealt_halves(len(candidates), 1, deal)[:, number % 2]
    settings = ClassifierSettings(input_range=InputRange(SIDE, channels=1), epochs=EPOCHS[training])
    recipe = settings.recipe
    for name in TRAININGS[training]:
        recipe = MITIGATED[name].defend(recipe, MITIGATED[name].settings())
    own = candidates.take(np.flatnonzero(inside))
    # Of either label one is enough: nobody watches the validation, which would take time after every epoch.
    watching = others.take([int(np.argmax(np.asarray(others.labels) == label)) for label in (0, 1)])
    model = train_classifier(own, watching, settings, seeds, recipe=recipe).model
    places = itertools.islice(shifts(candidates.spatial), QUERIES)
    asked = torch.cat([change(candidates.images) for change in places])
    logits, theirs = (predict_logits(model, images, settings.input_range) for images in (asked, others.images))
    return Network(
        inside,
        logits.double().numpy().reshape(-1, len(candidates)).T,
        theirs.double().numpy()[:, 0],
        time.process_time() - began,
    )


def over_swaps(values: np.ndarray) -> dict[str, float]:
    """Mean of `values` (networks,) and its 95% interval, by Student's t over the means of swaps."""
    means = values.reshape(-1, 2).mean(1)
    half = stats.t.ppf(0.975, len(means) - 1) * means.std(ddof=1) / len(means) ** 0.5
    return {"mean": means.mean(), "low": means.mean() - half, "high": means.mean() + half}
