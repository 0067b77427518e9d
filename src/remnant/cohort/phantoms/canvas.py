"""What is painted on: a brightness and a label at each of n points, with soft edges as wide as a voxel."""

import contextlib
from collections.abc import Iterator

import numpy as np

from remnant.cohort.phantoms.labels import VALUE


def ramp(inside: np.ndarray, width: float) -> np.ndarray:
    """Share (n,) of a voxel `width` mm wide that lies inside a flat surface `inside` mm away (negative:
    outside).
    """
    return np.clip(inside * np.float32(1 / width) + np.float32(0.5), 0, 1)


def slot(distance: np.ndarray, half: float, width: float) -> np.ndarray:
    """Share (n,) of a voxel `width` mm wide covered by a slab of half width `half`, `distance` mm from its
    middle.
    """
    reach = np.float32(width / 2)
    upper = np.minimum(distance + reach, np.float32(half))
    lower = np.maximum(distance - reach, np.float32(-half))
    return np.clip((upper - lower) * np.float32(1 / width), 0, 1)


class Canvas:
    """Layers are laid one over the other; `brightness` is indexed by label value, `spacing` is the voxel in
    mm.
    """

    def __init__(self, count: int, brightness: np.ndarray, spacing: float) -> None:
        self.light = np.zeros(count, np.float32)
        self.labels = np.zeros(count, np.int16)
        self.brightness, self.spacing = brightness, spacing

    def lay(self, name: str, share: np.ndarray, inside: np.ndarray) -> None:
        """Cover `share` (n,) of each voxel with a structure, and label it where `inside` (n,) says."""
        value = VALUE[name]
        self.light += (self.brightness[value] - self.light) * share
        self.labels[inside] = value

    def fill(self, name: str, distance: np.ndarray) -> None:
        """Cover what lies within a solid, given the distance (n,) to its surface, negative inside."""
        self.lay(name, ramp(-distance, self.spacing), distance < 0)

    @contextlib.contextmanager
    def within(self, chosen: np.ndarray) -> Iterator["Canvas"]:
        """Paint on the chosen points (n,) only."""
        part = Canvas(0, self.brightness, self.spacing)
        part.light, part.labels = self.light[chosen], self.labels[chosen]
        yield part
        self.light[chosen], self.labels[chosen] = part.light, part.labels
