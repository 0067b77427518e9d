"""Some patients of a material set aside, who become its canaries."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from remnant.audit.materials.canaries import Canaries
from remnant.audit.materials.material import Material
from remnant.base.seeds import Seeds
from remnant.cohort.images import Images
from remnant.measure.roles import MEMBER, NON_MEMBER, OTHER

# In a network: of twice as many there is an interval, and of so few among those who train it their labels change it little.
MOST, FEWEST = 5, 2
SHARE = 12  # who train a network, to one canary
TRIED = 16  # images of other labels, of whose labels the one that differs most is taken


@dataclass(frozen=True)
class SetAside:
    """Reads a material again, in another process, and sets the same patients aside."""

    elsewhere: Callable[[], Material]
    seed: int

    def __call__(self) -> Material:
        return set_aside(self.elsewhere(), self.seed)


def set_aside(material: Material, seed: int) -> Material:
    """The material without some patients, who become its canaries: of the attacker's where he has many, who are in no number
    anyhow, else of the larger group. As it is where those who train a network are too few, or no labels differ."""
    labels = material.images.labels
    group = max((MEMBER, NON_MEMBER), key=lambda role: len(material.group(role)))
    halves = (len(material.group(MEMBER)) + len(material.group(NON_MEMBER))) // 2
    if len(material.group(OTHER)) >= 4 * MOST:
        group = OTHER
    count = min(MOST, halves // SHARE)
    if labels is None or count < FEWEST:
        return material
    draw = Seeds(seed).child("shadows", "canaries").numpy()
    label_of: dict[int, int] = {}
    chosen: list[str] = []
    for patient in draw.permutation(material.group(group)).tolist():
        if len(chosen) == 2 * count:
            break
        places = [place for place, one in enumerate(material.images.patients) if one == patient]
        others = {place: _exchanged(material.images, place, draw) for place in places}
        if all(other is not None for other in others.values()):
            chosen.append(patient)
            label_of |= {place: other for place, other in others.items() if other is not None}
    if len(chosen) < 2 * count:
        return material
    own = sorted(label_of)
    images = replace(material.images.take(own), labels=tuple(labels[label_of[place]] for place in own))
    rest = [patient for patient in material.roles if patient not in {*chosen}]
    return replace(
        material,
        images=material.images.of(rest),
        roles={patient: material.roles[patient] for patient in rest},
        further=material.further and material.further.of(rest),
        canaries=Canaries(images, label_of, seed),
        elsewhere=material.elsewhere and SetAside(material.elsewhere, seed),
    )


def _exchanged(images: Images, place: int, draw: np.random.Generator) -> int | None:
    """The place of another patient's image whose label differs most from this one's, of some of its shape; None without any."""
    labels = images.labels
    assert labels is not None
    own = np.asarray(labels[place], float)
    found: dict[int, float] = {}
    for other in draw.permutation(len(images)).tolist():
        label = np.asarray(labels[other], float)
        if label.shape == own.shape and images.patients[other] != images.patients[place]:
            apart = float(np.mean(label != own))
            if apart and np.isfinite(label).all() and np.isfinite(own).all():
                found[other] = apart
        if len(found) == TRIED:
            break
    return max(found, key=lambda other: found[other], default=None)
