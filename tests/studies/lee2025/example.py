"""An audit of invented targets: what cells leave, with similarities drawn so that some targets leak and some do not."""

import numpy as np
import torch
from torch import nn

from remnant.attacks.demographics import DemographicModel, ValidationRow
from remnant.cohort.images import AGE, SEX, Images
from remnant.studies.lee2025.kept import Attacked, as_bytes
from remnant.targets.inputs import InputRange

SIDE = 16
# Of each target: how much nearer the attack comes to members than to others, and the untuned prior, in standard deviations.
LEAKS = {
    "cnn": (0.0, 0.0),
    "cnn_overfit": (1.6, 0.6),
    "vit": (0.0, 0.0),
    "vit_overfit": (0.4, 0.4),
    "cnn_dropout": (1.0, 0.5),
    "cnn_augmentation": (0.2, 0.0),
    "cnn_early_stopping": (0.1, 0.1),
    "cnn_planted": (3.0, 0.5),
    "cnn_untrained": (0.0, 0.0),
    "within_cnn": (0.0, 0.0),
    "within_cnn_overfit": (1.0, 0.2),
}
SOURCES = {name: "private" for name in LEAKS} | {"cnn_planted": "planted"}
SOURCES |= {name: "public" for name in LEAKS if name.startswith("within")}


def group(draw, patients: int, prefix: str, images: int | None = None) -> Images:
    """`images` of so many patients, the first of whom have two."""
    images = images or patients
    names = tuple(f"{prefix}{i % patients:03d}" for i in range(images))
    ages = draw.uniform(20, 90, patients)[np.arange(images) % patients]
    sexes = (draw.choice(["F", "M"], patients)[np.arange(images) % patients] == "M").astype(float)
    pictures = draw.uniform(0, 1, (images, 1, SIDE, SIDE)).astype(np.float32) * 0.5 + 0.25
    labels = torch.from_numpy(draw.integers(0, 2, images))
    return Images(torch.from_numpy(pictures), labels, names, {AGE: ages, SEX: sexes})


def groups(draw, patients: int = 40) -> dict[str, dict[str, Images]]:
    made = {
        source: {
            name: group(draw, patients, f"{source[:2]}{name[0]}", patients + 4)
            for name in ("members", "validation", "non_members")
        }
        for source in ("private", "public")
    }
    few = made["private"]["members"]
    planted = few.take(range(8))
    return made | {"planted": made["private"] | {"members": planted}}


def attacked(draw, target: str, method: str, parts: dict[str, Images], gap: float, candidates: int = 60) -> Attacked:
    """Candidates whose nearest ones lie `gap` standard deviations of the patients nearer to members; what is easy to come
    near to under one method is so under another, too."""
    similarities = {}
    common = np.random.default_rng(sum(map(ord, target)))
    for space, share in (("target_features", 1.0), ("independent_features", 0.4), ("ssim", 0.3)):
        for crop in ("whole", "crop"):
            for name in ("members", "non_members"):
                own = gap * share * (name == "members") + 0.3 * draw.normal(size=len(parts[name].patients))
                own = own + 0.95 * common.normal(size=len(own))
                values = 0.6 + 0.04 * own + draw.normal(0, 0.01, (candidates, len(own)))
                similarities[space, crop, name] = values.clip(0, 1).astype(np.float32)
    excitation, distance = np.exp(draw.normal(1, 0.2, candidates)), draw.normal(24, 3, candidates)
    cuts = np.sort(excitation)[candidates // 4], np.sort(distance)[candidates // 4]
    return Attacked(
        target,
        method,
        as_bytes(draw.uniform(0, 0.9, (candidates, 1, SIDE, SIDE))),
        excitation,
        distance,
        np.argsort(excitation + distance),
        (excitation <= cuts[0]) & (distance <= cuts[1]),
        *(float(cut) for cut in cuts),
        draw.uniform(30, 80, candidates),
        draw.uniform(0, 1, candidates),
        similarities,
    )


def model(draw, error: float = 6.0, n: int = 120) -> DemographicModel:
    """A model of which the invented validation says that it errs by so many years; it looks at nothing in particular."""
    torch.manual_seed(0)
    network = nn.Sequential(nn.AvgPool2d(4), nn.Flatten(), nn.Linear(SIDE, SIDE), nn.ReLU(), nn.Linear(SIDE, 2))
    rows = []
    for i, age in enumerate(draw.uniform(20, 90, n).round()):
        male, wrong = bool(draw.integers(2)), draw.random() < error / 150
        rows.append(ValidationRow(f"v{i}", float(age), float(age + draw.normal(0, error)), male, float(male != wrong)))
    return DemographicModel(network, InputRange(SIDE, channels=1), 55.0, 18.0, 300, tuple(rows))


def record(target: str) -> dict:
    """What a target's cell tells."""
    recipe = target.removeprefix("within_").partition("_")[2] or "regular"
    return {
        "network": "vit" if target.startswith("vit") else "resnet18",
        "recipe": recipe,
        "source": SOURCES[target],
        "patients": 8 if recipe == "planted" else 40,
        "images": 8 if recipe == "planted" else 44,
        "epochs": 0 if recipe == "untrained" else 60,
        "train_accuracy": 0.5 if recipe == "untrained" else 1.0,
        "accuracy": 0.8,
        "balanced": 0.72,
        "balanced_low": 0.55,
        "balanced_high": 0.84,
        "auc": 0.8,
        "auc_low": 0.65,
        "auc_high": 0.9,
        "majority": 0.6,
    }


def attack_record(draw) -> dict:
    """What an attack's cell tells of its stage 1."""
    terms = {"statistics": 12, "feature": 1.4, "logit": 0.7, "total_variation": 300, "total": 16}
    return {
        "methods": ["published"],
        "stage1": [
            {"method": "published", "part": "stage 1", "term": term, "step": step}
            | {"value": float(start * (0.2 + np.exp(-step / 40)) * draw.lognormal(0, 0.05))}
            for term, start in terms.items()
            for step in range(0, 200, 10)
        ],
        "steps": {"stage 1": 200},
        "levelled_off": {"stage 1": True},
    }


def audit(targets=tuple(LEAKS), methods=("published", "prior"), error: float = 6.0, leaks=LEAKS) -> dict:
    """The arguments of `make_tables` but for population, site and seeds."""
    draw = np.random.default_rng(1)
    parts = groups(draw)
    gaps = {"prior": 1, "published": 0}
    return {
        "attacked": [
            attacked(draw, target, method, parts[SOURCES[target]], leaks[target][gaps.get(method, 0)])
            for target in targets
            for method in methods
        ],
        "groups": parts,
        "trained": {target: record(target) for target in targets},
        "attacks": {target: [attack_record(draw)] for target in targets},
        "model": model(draw, error),
    }
