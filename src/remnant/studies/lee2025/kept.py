"""What the cells of an audit leave each other: who is in which group, and what each attack drew. Patient data, in RUN/private."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from remnant.base.run import Run
from remnant.base.store import keep, kept
from remnant.cohort.images import Images

# Those whose patients train targets, whom a report counts.
Source = Literal["private", "public", "planted"]
GROUPS = ("members", "validation", "non_members")
OWN = "attacker"
SPACES = ("target_features", "independent_features", "ssim")
CROPS = ("whole", "crop")


@dataclass(frozen=True)
class Attacked:
    """What one method drew of one target: c candidates, in the order they were drawn.

    `images` uint8 (c, N, N); `excitation` and `distance` float64 (c,), lower is likelier; `order` int64 (c,), the
    candidates' indices, the likeliest first; `likely` bool (c,), with the cut-offs that decide it. `age` in years and `male`
    (probability), float64 (c,), are what the demographic model reads off them; NaN where there is no model.
    `similarities` float32 (c, n), by (space, crop, group): space of `SPACES`, crop of `CROPS`, group "members" or
    "non_members", to whose images of the target's source the columns belong. A space that was not to be had is not there.
    """

    target: str
    method: str
    images: np.ndarray
    excitation: np.ndarray
    distance: np.ndarray
    order: np.ndarray
    likely: np.ndarray
    excitation_cutoff: float
    distance_cutoff: float
    age: np.ndarray
    male: np.ndarray
    similarities: dict[tuple[str, str, str], np.ndarray]

    @property
    def pictures(self) -> Tensor:
        """The candidates as networks take them: float32 (c, 1, N, N) in [0, 1]."""
        return as_pictures(self.images)


@dataclass(frozen=True)
class Progression:
    """Stage 1 at work: the images uint8 (s, k, N, N) of the same k latents after each of `steps` int64 (s,)."""

    target: str
    method: str
    steps: np.ndarray
    images: np.ndarray


def as_bytes(images: Tensor | np.ndarray) -> np.ndarray:
    """Images (n, 1, N, N) in [0, 1] as uint8 (n, N, N), which is all that a PNG of them would hold."""
    return np.round(255 * np.asarray(images)[:, 0]).astype(np.uint8)


def as_pictures(images: np.ndarray) -> Tensor:
    """The way back: float32 (n, 1, N, N) in [0, 1]."""
    return torch.from_numpy(images.astype(np.float32) / 255).unsqueeze(1)


def write_groups(run: Run, source: Source | Literal["attacker"], groups: Mapping[str, Images]) -> None:
    """Keep the groups of a source, by their names in `GROUPS`, atomically; of the attacker `training` and `validation`.

    A group is of patients of one part in the study: images float32 (n, 1, N, N) in [0, 1], patients by pseudonym, labels int64
    (n,) the index of the class, -1 where there is none, and the details `AGE` and `SEX`.
    """
    keep(groups_file(run, source), groups)


def read_groups(run: Run, source: Source | Literal["attacker"]) -> dict[str, Images]:
    """The groups that `write_groups` kept; raises `RemnantError` for a file that is missing or damaged."""
    return kept(groups_file(run, source), dict[str, Images])


def groups_file(run: Run, source: str) -> Path:
    return run.private / "groups" / f"{source}.npz"


def write_attacked(run: Run, attacked: Attacked) -> None:
    """Keep what a method drew as private/attacks/<target>-<method>.npz, atomically."""
    keep(attacked_file(run, attacked.target, attacked.method), attacked)


def read_attacked(run: Run, target: str, method: str) -> Attacked:
    """What `write_attacked` kept; raises `RemnantError` for a file that is missing or damaged."""
    return kept(attacked_file(run, target, method), Attacked)


def attacked_file(run: Run, target: str, method: str) -> Path:
    return run.private / "attacks" / f"{target}-{method}.npz"


def write_progression(run: Run, progression: Progression) -> None:
    """Keep a stage 1's progression as private/progressions/<target>-<method>.npz, atomically."""
    keep(run.private / "progressions" / f"{progression.target}-{progression.method}.npz", progression)
