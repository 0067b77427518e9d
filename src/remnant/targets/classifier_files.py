"""A trained target on disk: as Remnant reads it again, as a stranger would find it, and what its training told."""

import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

from remnant.base.files import write_json
from remnant.measure.demographics import SexSkill
from remnant.targets.checkpoint import save_checkpoint
from remnant.targets.classifier import TrainedClassifier


def save_classifier(path: Path, trained: TrainedClassifier) -> None:
    """Write the target to `path` (.safetensors), for `load_checkpoint`, and its record to a .json beside it."""
    save_checkpoint(path, trained.model, dict(trained.recipe.arguments))
    write_json(Path(path).with_suffix(".json"), record_of(trained))


def record_of(trained: TrainedClassifier) -> dict[str, Any]:
    """Settings, history and skill as plain JSON values; no patient is in it."""
    return {
        "settings": trained.settings.resolved(),
        "defenses": {name: own.resolved() for name, own in trained.recipe.defenses.items()},
        "privacy": trained.privacy,
        "epochs": [epoch._asdict() for epoch in trained.history],
        "kept": trained.kept,
        "accuracy": trained.accuracy,
        "training": _plain(trained.training),
        "validation": _plain(trained.validation),
    }


def _plain(skill: SexSkill) -> dict[str, Any]:
    values = {
        # A group of few patients has an AUC without an interval.
        name: {part: None if math.isnan(value) else value for part, value in asdict(getattr(skill, name)).items()}
        for name in ("accuracy", "balanced", "auc")
    }
    return {**values, "majority_accuracy": skill.guess_accuracy, "confusion": skill.confusion.tolist()}
