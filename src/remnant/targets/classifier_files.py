"""A trained target on disk: as Remnant reads it again, as a stranger would find it, and what its training told."""

import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import nn

from remnant.base.errors import RemnantError
from remnant.base.files import atomic_path, write_json
from remnant.measure.demographics import SexSkill
from remnant.targets.checkpoint import save_checkpoint
from remnant.targets.classifier import TrainedClassifier


def save_classifier(path: Path, trained: TrainedClassifier) -> None:
    """Write the target to `path` (.safetensors), for `load_checkpoint`, and its record to a .json beside it."""
    save_checkpoint(path, trained.model, dict(trained.recipe.arguments))
    write_json(Path(path).with_suffix(".json"), record_of(trained))


def save_state_dict(path: Path, model: nn.Module) -> None:
    """Write nothing but the `state_dict`, under torchvision's names, atomically: the file that leaves the hospital.

    Raises `RemnantError` for a name that ends neither in .pt or .pth nor in .safetensors.
    """
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    suffix = Path(path).suffix
    if suffix not in (".pt", ".pth", ".safetensors"):
        raise RemnantError(f"A state_dict is written to a .pt, .pth or .safetensors file. Got {path} instead.")
    with atomic_path(path) as temporary:
        if suffix == ".safetensors":
            temporary.write_bytes(safetensors.torch.save(tensors))
            return
        # By a file of our own: by a path PyTorch says of a full disk no more than "unexpected pos".
        with temporary.open("wb") as file:
            torch.save(tensors, file)


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
