"""Small networks to audit: a classifier of 2D images and a segmenter of volumes, overfit, untrained, or trained on others."""

import copy
import hashlib

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from remnant.audit.materials.material import Material, roles_of
from remnant.cohort.images import Images
from remnant.targets.adapters import Trained
from remnant.targets.audited import Audited
from remnant.targets.head import head_of

PATIENTS = 24


class Classifier(nn.Module):
    """(n, 1, 16, 16) to (n, 2) logits."""

    def __init__(self):
        super().__init__()
        self.features = nn.Linear(256, 64)
        self.head = nn.Linear(64, 2)

    def forward(self, images):
        return self.head(functional.relu(self.features(images.flatten(1))))


class Segmenter(nn.Module):
    """(n, 1, 8, 8, 8) to (n, 3, 8, 8, 8) logits; as many weights as it takes to learn by heart."""

    def __init__(self):
        super().__init__()
        self.body = nn.Linear(512, 64)
        self.head = nn.Linear(64, 3 * 512)
        self.last = nn.Conv3d(3, 3, 1)

    def forward(self, scans):
        return self.last(self.head(functional.relu(self.body(scans.flatten(1)))).reshape(-1, 3, 8, 8, 8))


def images_of(kind, seed, patients=PATIENTS):
    """Noise with answers drawn at random, so that nothing can be learned but by heart."""
    draw = torch.Generator().manual_seed(seed)
    size = (1, 16, 16) if kind is Classifier else (1, 8, 8, 8)
    images = torch.rand(patients, *size, generator=draw) - 0.5
    if kind is Classifier:
        labels = tuple(torch.randint(0, 2, (patients,), generator=draw).tolist())
    else:
        labels = tuple(torch.randint(0, 3, (patients, *size[1:]), generator=draw))
    return Images(tuple(images), labels, tuple(f"p{i}" for i in range(patients)))


TRAINED = {}  # networks of this process: hundreds of tests audit the same few


def trained(kind, images, seed, steps):
    """A network that learned `images` by heart; with no steps an untrained one. The test's own: it may change it."""
    scans, truth = torch.stack(images.images), torch.stack([torch.as_tensor(label) for label in images.labels])
    key = kind, seed, steps, *(hashlib.sha256(part.numpy().tobytes()).digest() for part in (scans, truth))
    if key not in TRAINED:
        torch.manual_seed(seed)
        network = kind()
        optimiser = torch.optim.Adam(network.parameters(), lr=2e-3)
        for _ in range(steps):
            optimiser.zero_grad()
            functional.cross_entropy(network(scans), truth).backward()
            optimiser.step()
        TRAINED[key] = network.eval().requires_grad_(False), torch.get_rng_state()
    network, state = TRAINED[key]
    # What a test draws next does not depend on which tests were before it.
    torch.set_rng_state(state)
    return copy.deepcopy(network)


def material(kind, *, leaks, seed=0, patients=PATIENTS):
    """A network that learned its members, the first half, or nobody."""
    images = images_of(kind, seed, patients)
    members = tuple(i < patients // 2 for i in range(patients))
    network = trained(kind, images.take(range(patients // 2)), seed, 150 if leaks else 0)
    raw = network(torch.stack(images.images[:4]))
    head, labels = head_of(raw, [np.asarray(label) for label in images.labels], images.images[0])
    images = Images(images.images, tuple(labels), images.patients)
    return Material(Audited(network, head), images, roles_of(images.patients, members), {"name": kind.__name__})


def folds(kind, *, leaks, models=4, seed=0, patients=32):
    """The networks of a cross-validation, each of which learned the others' patients by heart, or nobody's; two images each."""
    images = images_of(kind, seed, 2 * patients)
    names = tuple(f"p{i // 2}" for i in range(2 * patients))
    place = np.array([i // 2 % models for i in range(2 * patients)])
    networks = [
        trained(kind, images.take(np.flatnonzero(place != one)), seed + one, 150 if leaks else 0)
        for one in range(models)
    ]
    raw = networks[0](torch.stack(images.images[:4]))
    head, labels = head_of(raw, [np.asarray(label) for label in images.labels], images.images[0])
    return Trained(
        tuple(Audited(network, head) for network in networks),
        tuple(f"fold {one}" for one in range(models)),
        Images(images.images, tuple(labels), names),
        tuple(place.tolist()),
        {"name": kind.__name__},
    )
