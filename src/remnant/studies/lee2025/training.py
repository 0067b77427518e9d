"""The cell that trains a target, and where the target lies."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from remnant.audit.findings.rows import interval_columns
from remnant.base.provenance import sha256
from remnant.base.run import Run
from remnant.base.seeds import Seeds
from remnant.cohort.images import Images
from remnant.defenses.public_statistics import PUBLIC_STATISTICS
from remnant.engine.cost import timed
from remnant.engine.device import as_batch, fabric, place
from remnant.engine.loop import epoch_log
from remnant.nets.classifiers import build_classifier
from remnant.studies.lee2025.groups import read_groups
from remnant.studies.lee2025.settings import StudySettings
from remnant.studies.lee2025.targets import TARGETS
from remnant.targets.checkpoint import load_checkpoint
from remnant.targets.classifier import TrainedClassifier, share_right, skill_of, train_classifier
from remnant.targets.classifier_files import save_classifier
from remnant.targets.patients import check_images
from remnant.targets.recipes import ClassifierSettings, Recipe

TRIED = 8  # images of the step that is timed, as many as a step of stage 1 has


def target_cell(run: Run, target: str, settings: StudySettings) -> dict[str, Any]:
    """Train one target; what its training told, the `row` of the table `targets`."""
    chosen, groups = TARGETS[target], read_groups(run, TARGETS[target].source)
    training, validation = (groups[part] for part in ("members", "validation"))
    own, recipe = settings.classifier(target), settings.recipe(target)
    seeds = Seeds(settings.seed).child(target_cell_name(target))
    if chosen.swapped:
        weights = load_checkpoint(target_file(run, chosen.swapped))
        others = groups["non_members"]
        trained = with_statistics_of(others, weights, own, recipe, seeds, training=training, validation=validation)
    else:
        log = epoch_log(run, target_cell_name(target))
        trained = train_classifier(training, validation, own, seeds, log, recipe=recipe)
    path = target_file(run, target)
    save_classifier(path, trained)
    told = trained.validation
    row = {
        "target": target,
        "network": trained.settings.network,
        "recipe": chosen.recipe,
        "source": chosen.source,
        "patients": len(set(training.patients)),
        "images": len(training.images),
        "epochs": len(trained.history),
        "kept_epoch": trained.kept + 1,
        "train_accuracy": trained.accuracy,
        "accuracy": told.accuracy.mean,
    }
    for name, skill in (("balanced", told.balanced), ("auc", told.auc)):
        row |= interval_columns(name, skill)
    return {"checkpoint": path.name, "sha256": sha256(path), "row": row | {"majority": told.guess_accuracy}}


def target_cell_name(target: str) -> str:
    return f"target-{target}"


def target_file(run: Run, target: str) -> Path:
    """Where a target lies: one that was trained on patients may not leave."""
    return run.private / "targets" / f"{target}.safetensors"


def untrained(settings: ClassifierSettings) -> nn.Module:
    """A network as its training begins with, to be attacked."""
    return place(build_classifier(**settings.recipe.arguments)).eval().requires_grad_(False)


def step_seconds(settings: ClassifierSettings) -> float:
    """Seconds that a training step takes here an image, or an attack's where the weights are frozen."""
    model, taken = place(build_classifier(**settings.recipe.arguments)), settings.input_range
    images = torch.rand(TRIED, taken.channels, taken.size, taken.size, device=fabric().device, requires_grad=True)

    def step() -> None:
        with fabric().autocast():
            loss = model(images).float().sum()
        loss.backward()
        loss.item()

    return timed(step, times=3) / TRIED


def with_statistics_of(
    others: Images,
    model: nn.Module,
    settings: ClassifierSettings,
    recipe: Recipe,
    seeds: Seeds,
    *,
    training: Images,
    validation: Images,
) -> TrainedClassifier:
    """A copy of `model` whose running means and variances are those that `others` leave, every weight untouched.

    The statistics are the mean over one epoch of batches as in training, dealt anew (`defenses.public_statistics`). If an attack
    by stored statistics is drawn to those who trained the weights all the same, it is not by the statistics that it is. `recipe`:
    that of the model. Accuracy and skill are those of the copy; it has no history. Raises `RemnantError` for images that do not
    fit.
    """
    check_images(others.images, "other patients'")
    steps = -(-len(others.images) // settings.batch)
    order = seeds.child("order").numpy().permutation(len(others.images))
    batches = (settings.input_range(as_batch(others.images[part])) for part in np.array_split(order, steps))
    swapped = PUBLIC_STATISTICS.defend(place(model), seeds=seeds, public=batches)
    skills = [skill_of(swapped, group, settings.input_range) for group in (training, validation)]
    return TrainedClassifier(
        swapped, settings, recipe, (), -1, share_right(swapped, training, settings.input_range), *skills
    )
