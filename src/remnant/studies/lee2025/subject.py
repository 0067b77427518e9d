"""A target as an audit takes it, and what an attack drew of it as the paper's tables take it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from remnant.attacks.attack import Candidates
from remnant.attacks.checkpoint.ranked import Ranked
from remnant.attacks.prior import load_discriminator, load_prior
from remnant.attacks.prior.brought import BroughtPrior
from remnant.audit.findings.gains import Similarities
from remnant.audit.materials.material import Material
from remnant.base.run import Run
from remnant.base.store import keep, kept
from remnant.cohort.images import AGE, SEX, Images
from remnant.engine.device import place
from remnant.measure.roles import MEMBER, NON_MEMBER, OTHER
from remnant.studies.lee2025.groups import OWN, ROLES, read_groups, roles_in
from remnant.studies.lee2025.settings import ATTACKS, StudySettings
from remnant.studies.lee2025.targets import TARGETS
from remnant.studies.lee2025.training import target_file
from remnant.targets.audited import Audited
from remnant.targets.head import OutputHead
from remnant.targets.loading import load_target

HEAD = OutputHead("classification", "sigmoid", 1, probabilities=False)
BATCH = 64  # images that pass together


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


def material_of(
    run: Run, target: str, settings: StudySettings, prior: Path | None = None, module: nn.Module | None = None
) -> Material:
    """The target as it was trained, or another `module` in its place, with members and non-members of its source; with the file
    of a `prior` what draws images, too."""
    chosen, taken = TARGETS[target], settings.classifier(target).input_range
    groups = read_groups(run, chosen.source)
    parts = [groups[name] for name in ROLES]
    roles = roles_in(groups)
    if prior and settings.attack.likely.mahalanobis == "public":
        own = list(read_groups(run, OWN).values())
        parts, roles = [*parts, *own], roles | {patient: OTHER for part in own for patient in part.patients}
    labels = torch.cat([torch.as_tensor(part.labels) for part in parts]).float()
    images = Images(
        tuple(torch.cat([taken(part.images) for part in parts])),
        tuple(labels.where(labels >= 0, torch.nan)[:, None]),
        tuple(patient for part in parts for patient in part.patients),
        {name: np.concatenate([part.details[name] for part in parts]) for name in (AGE, SEX)},
    )
    brought = prior and BroughtPrior(load_prior(prior).generator, taken, load_discriminator(prior))
    if module is None:
        module = place(load_target(target_file(run, target))).eval().requires_grad_(False)
    return Material(
        Audited(module, HEAD, batch=BATCH),
        images,
        roles,
        {"name": target},
        prior=brought,
        settings=dict.fromkeys(ATTACKS, settings.attack),
    )


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
