"""Trainings of small networks, as an owner gives them, and whole audits with shadow models of them."""

from dataclasses import replace
from pathlib import Path

import torch
from tests.audit.example import Classifier, material
from torch.nn import functional

from remnant.audit.config import AuditConfig
from remnant.audit.owner.training import Training
from remnant.audit.run.model import audit_model
from remnant.base.run import Run

SHADOWED = ("references", "rmia", "lira", "bavaria", "hierarchical")
FOUR = AuditConfig.checked(shadows={"count": 4}, target={"planted_steps": 60})


def by_heart(network, items, seed):
    """The training of `example.trained`, in short."""
    optimiser = torch.optim.Adam(network.parameters(), lr=2e-3)
    images = torch.stack([item["image"] for item in items])
    truth = torch.stack([torch.as_tensor(item["label"]) for item in items])
    for _ in range(40):
        optimiser.zero_grad()
        functional.cross_entropy(network(images), truth).backward()
        optimiser.step()


def of_nobody(network, items, seed):
    """Weights move, and not by the patients."""
    with torch.no_grad():
        for weight in network.parameters():
            weight += 0.01 * torch.randn(weight.shape)


def own(train=by_heart, leaks=True, seed=0, patients=24, kind=Classifier):
    """A material with a training, whose items are those of the cohort."""
    found = material(kind, leaks=leaks, seed=seed, patients=patients)
    images = found.images
    items = [
        {"image": image, "label": label, "patient": patient}
        for image, label, patient in zip(images.images, images.labels, images.patients, strict=True)
    ]
    return replace(found, training=Training(train, fresh(kind), items, images.patients, Path("target.py"), "code"))


def fresh(kind):
    def build(seeds):
        torch.manual_seed(seeds.integer)
        return kind()

    return build


def audited(path, cohort, config=FOUR, resume=False):
    with Run.start(path, "audit", config.resolved(), resume=resume) as run:
        return audit_model(run, cohort, config, quiet=True)


def controls(parts, kind):
    return {control.attack: control for control in parts["controls"] if control.kind == kind}
