"""Prepared scans of patients on several visits, all on one grid."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from remnant.cohort.prepare.grid import Grid

Role = Literal["training", "test"]


@dataclass(frozen=True)
class Scans:
    """All scans of a cohort on one grid, n of them; `name`: what the cohort is called.

    `images` float32 (n, 1, x, y, z) in [0, 1]; `labels` uint8 (n, x, y, z), indices into `classes` (0 the background);
    `patients` (n,); `visits` int64 (n,), counted from 1; `roles` (n,) of `Role`; `ages` float64 (n,) in years, NaN where
    unknown; `sexes` (n,) "F", "M", or "" where unknown; `kinds` (n,) "real", of an own session, or "simulated"; `spacing_mm`
    of the grid.
    """

    name: str
    images: np.ndarray
    labels: np.ndarray
    patients: tuple[str, ...]
    visits: np.ndarray
    roles: tuple[str, ...]
    ages: np.ndarray
    sexes: tuple[str, ...]
    classes: tuple[str, ...]
    kinds: tuple[str, ...]
    spacing_mm: float

    @property
    def grid(self) -> Grid:
        """What they lie on."""
        x, y, z = self.images.shape[2:]
        return Grid((x, y, z), self.spacing_mm)

    @property
    def kind(self) -> str:
        """What the study rests on: simulated visits where there are any."""
        return "simulated" if "simulated" in self.kinds else "real"

    def where(self, role: Role, kind: str | None = None) -> np.ndarray:
        """Indices int64 of the scans of a role, of the study's own kind or of the given one."""
        return np.flatnonzero((np.array(self.roles) == role) & (np.array(self.kinds) == (kind or self.kind)))


def first_visits(scans: Scans, chosen: Sequence[int]) -> list[int]:
    """Of the `chosen` scans the first of each patient, in their order."""
    first: dict[str, int] = {}
    for i in chosen:
        known = first.setdefault(scans.patients[i], i)
        if scans.visits[i] < scans.visits[known]:
            first[scans.patients[i]] = i
    return list(first.values())
