"""The attack on a secret that is drawn afresh for every query: the same patient, sent many times.

Against a deformation at the client (arXiv:2011.12835) an attacker who knows which codes are of one sending, as of one patient's
study or one account, has more than one look. Two ways to put them together: average what an adversary says of all pairs of
looks, or bend the looks onto each other and average the images, in which what was drawn anew each time cancels
(groupwise registration; Guimond 2000, "Average brain models").
"""

from collections.abc import Callable, Sequence

import numpy as np
import pydantic
import torch
from torch import Tensor

from remnant.base.config import Settings
from remnant.base.progress import Task
from remnant.cohort.pairs import Pair
from remnant.measure.deformation import syn_fast

TOGETHER = 4  # looks registered at a time, as in measure/deformation


class QuerySettings(Settings):
    """`queries` looks at each scan; `rounds` of registering all of them to the mean so far."""

    queries: int = pydantic.Field(default=8, ge=2)
    rounds: int = pydantic.Field(default=2, ge=1)


def looks(view: Callable[[Tensor], Tensor], scans: Tensor, queries: int) -> Tensor:
    """`queries` views of each of `scans` (n, 1, x, y, z), each by a call of `view`: (n * queries, c, x, y, z), a scan's one
    after another.
    """
    seen = torch.stack([view(scans) for _ in range(queries)], 1)
    return seen.flatten(0, 1)


def pairs_of_looks(pairs: Sequence[Pair], queries: int) -> list[Pair]:
    """Each pair of scans as the queries * queries pairs of their `looks`, one after another."""
    return [
        Pair(pair.anchor * queries + one, pair.other * queries + other, pair.same)
        for pair in pairs
        for one in range(queries)
        for other in range(queries)
    ]


def averaged(scores: np.ndarray, queries: int) -> np.ndarray:
    """The scores (n,) of pairs of scans: means over those (n * queries * queries,) of `pairs_of_looks`."""
    return np.asarray(scores, dtype=float).reshape(-1, queries**2).mean(1)


def groupwise_means(codes: Tensor, settings: QuerySettings, spacing_mm: float, *, quiet: bool = True) -> Tensor:
    """One image (n, 1, x, y, z) a scan out of its `looks` (n * queries, 1, x, y, z): sharp, and of nearly its own shape.

    All looks are registered to the first, then to their mean; the mean is bent by what the looks bend on average, which is
    nothing but the first one's own deformation, as those of many looks cancel. A look is mirrored first where that
    fits better. What is left is that of the mean of `queries` deformations, and which side is left.
    """
    groups = codes[:, 0].unflatten(0, (-1, settings.queries))
    means = []
    with Task("registering queries", len(groups), quiet=quiet) as task:
        for number, group in enumerate(groups, start=1):
            means.append(_groupwise_mean(group, settings.rounds, (spacing_mm,) * 3))
            task.advance(f"scan {number}")
    return torch.stack(means)[:, None]


def registered_scores(codes: Tensor, pairs: Sequence[Pair], spacing_mm: float) -> np.ndarray:
    """How like the images of each pair are once one is bent onto the other, float64 (n,): what a smooth deformation cannot hide.

    Of `codes` (m, 1, x, y, z), one look at each scan is enough. The correlation after a non-linear registration, mirrored first
    where that fits better. About a second of a core a pair at 64 x 80 x 64 voxels.
    """
    scores = np.empty(len(pairs))
    anchors = np.array([pair.anchor for pair in pairs])
    for anchor in np.unique(anchors):
        places = np.flatnonzero(anchors == anchor)
        fixed, moving = codes[anchor, 0], codes[[pairs[i].other for i in places], 0]
        _, bent = _onto(fixed, torch.cat([moving, moving.flip(1)]), (spacing_mm,) * 3)
        scores[places] = _likeness(bent, fixed).unflatten(0, (2, -1)).amax(0)
    return scores


def _groupwise_mean(group: Tensor, rounds: int, spacing: tuple[float, float, float]) -> Tensor:
    """The mean (x, y, z) of looks (k, x, y, z)."""
    mean = group[0]
    mirrored = group.flip(1)
    for turn in range(rounds):
        if turn == 0:
            (places, other_places), (unbent, other) = (
                found.chunk(2) for found in _onto(mean, torch.cat([group, mirrored]), spacing)
            )
            better = _likeness(other, mean) > _likeness(unbent, mean)
            group = torch.where(better[:, None, None, None], mirrored, group)
            unbent = torch.where(better[:, None, None, None], other, unbent)
            places = torch.where(better[:, None, None, None, None], other_places, places)
        else:
            places, unbent = _onto(mean, group, spacing)
        shape_change = places.mean(0, keepdim=True) - syn_fast.destinations(torch.zeros_like(places[:1]))
        back = syn_fast.destinations(syn_fast.inverse(shape_change))
        mean = syn_fast.sampled(unbent.mean(0)[None, None], back)[0, 0]
    return mean


def _onto(fixed: Tensor, group: Tensor, spacing: tuple[float, float, float]) -> tuple[Tensor, Tensor]:
    """Where each voxel of `fixed` (x, y, z) lies in each look (k, 3, x, y, z), and the looks read there (k, x, y, z)."""
    target = syn_fast.pyramid(fixed[None])
    places = []
    for some in group.split(TOGETHER):
        fixed_levels = [level.expand(len(some), -1, -1, -1) for level in target]
        places.append(syn_fast.drawn_onto(fixed_levels, syn_fast.pyramid(some), spacing, fixed.shape))
    found = torch.cat(places)
    return found, syn_fast.sampled(group[:, None], found)[:, 0]


def _likeness(images: Tensor, fixed: Tensor) -> Tensor:
    """Correlation (k,) of images (k, x, y, z) with `fixed` (x, y, z); 0 of one of a single grey level, as what is bent out of its
    grid is."""
    flat = torch.cat([fixed[None], images]).flatten(1)
    return torch.corrcoef(flat)[0, 1:].nan_to_num(0.0)
