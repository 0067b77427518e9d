"""What an attack drew of a target, as the paper's tables take it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from remnant.attacks.attack import Candidates
from remnant.attacks.checkpoint.ranked import Ranked
from remnant.audit.findings.gains import Similarities
from remnant.base.run import Run
from remnant.base.store import keep, kept
from remnant.measure.roles import MEMBER, NON_MEMBER


@dataclass(frozen=True)
class DrawnCandidates:
    """What one attack drew of one target: c candidates, in the order they were drawn, and those of the untuned prior.

    `images` and `prior` uint8 (c, N, N); `excitation` and `distance` float64 (c,), lower is likelier; `order` int64 (c,), the
    likeliest first; `likely` bool (c,), with the cut-offs that decide it. `nearest` int64 (c,): the place of the member's image
    that each comes nearest to in the target's features, with the `cosine` there and the `ssim` of the pair, float64 (c,);
    `ssim_other`: the SSIM with the non-member's image that is found in the same way.
    """

    images: np.ndarray
    prior: np.ndarray
    excitation: np.ndarray
    distance: np.ndarray
    order: np.ndarray
    likely: np.ndarray
    excitation_cutoff: float
    distance_cutoff: float
    nearest: np.ndarray
    cosine: np.ndarray
    ssim: np.ndarray
    ssim_other: np.ndarray


def drawn_of(
    claim: Candidates, ranked: Ranked, near: Mapping[str, Similarities], roles: Mapping[str, int]
) -> DrawnCandidates:
    """What the tables are made of: the claim, its ranking, and whom it was held against, by space."""
    whose = np.array([roles[patient] for patient in near["features"].patients])
    found = {}
    for role in (MEMBER, NON_MEMBER):
        cosine, ssim = (near[space].attack[:, whose == role] for space in ("features", "ssim"))
        place, each = cosine.argmax(1), np.arange(len(cosine))
        found[role] = place, cosine[each, place], ssim[each, place]
    scores, ranking = ranked.scores, ranked.ranking
    return DrawnCandidates(
        as_bytes(claim.images),
        as_bytes(claim.controls["prior"]),
        scores.excitation,
        scores.distance,
        ranking.order,
        ranking.likely,
        ranking.excitation_cutoff,
        ranking.distance_cutoff,
        *found[MEMBER],
        found[NON_MEMBER][2],
    )


@dataclass(frozen=True)
class Controls:
    """What attacks on one target are held against, (c, 1, N, N) in half precision: the untuned prior's images, and those that are
    searched for its classes."""

    prior: Tensor
    gmi: Tensor


def keep_controls(run: Run, target: str, claim: Candidates) -> None:
    """Keep what the search by class draws, and its control, for all other attacks on the target."""
    keep(_file(run, target, "controls"), Controls(claim.controls["prior"].half(), claim.images.half()))


def kept_controls(run: Run, target: str) -> dict[str, Tensor]:
    """They by name; nothing where no search by class was run."""
    path = _file(run, target, "controls")
    if not path.exists():
        return {}
    found = kept(path, Controls)
    return {"prior": found.prior.float(), "gmi": found.gmi.float()}


def keep_drawn(run: Run, target: str, attack: str, drawn: DrawnCandidates) -> None:
    """Keep what an attack drew as private/attacks/<target>-<attack>.npz, atomically."""
    keep(_file(run, target, attack), drawn)


def kept_drawn(run: Run, target: str, attack: str) -> DrawnCandidates:
    """What `keep_drawn` kept; raises `RemnantError` for a file that is missing or damaged."""
    return kept(_file(run, target, attack), DrawnCandidates)


def _file(run: Run, target: str, attack: str) -> Path:
    return run.private / "attacks" / f"{target}-{attack}.npz"


def as_bytes(images: Tensor | np.ndarray) -> np.ndarray:
    """Images (n, 1, N, N) in [0, 1] as uint8 (n, N, N), which is all that a PNG of them would hold."""
    return np.round(255 * np.asarray(images)[:, 0]).astype(np.uint8)


def as_pictures(images: np.ndarray) -> Tensor:
    """The way back: float32 (n, 1, N, N) in [0, 1]."""
    return torch.from_numpy(images.astype(np.float32) / 255).unsqueeze(1)
