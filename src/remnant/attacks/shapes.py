"""An adversary of shapes alone: how a head is bent against the mean head, apart from what a secret deformation adds to it.

A secret bends every code anew, a person's own shape stays. Each code is registered to the mean of the attacker's scans; people
of whom it has several codes say by which modes of the displacement people differ more than draws do, and those modes are
compared (linear discriminant analysis within principal components, Belhumeur 1997; as a likelihood ratio, Ioffe 2006).
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from remnant.attacks.likelihood import VoxelLikelihood
from remnant.cohort.pairs import Pair
from remnant.measure.deformation import syn_fast
from remnant.measure.intervals import numbered

TOGETHER = 4  # codes registered at a time, as in measure/deformation
APART = 4  # voxels between the places where a displacement is read: it is smooth
MODES = 100  # at most
OWN_SHARE = (
    0.1  # of a mode's spread within a person, taken as if all modes had the same: few codes overrate the directions
)


def grey_images(codes: Tensor, seen: Tensor, own: Tensor) -> Tensor:
    """Codes (n, c, x, y, z) that show a head as grey images (n, x, y, z).

    Of label maps, a channel a class, every class gets one grey level: that by which the mean of what is `seen` (m, c, x, y, z)
    of the attacker's `own` scans (m, 1, x, y, z) is most like the mean of these.
    """
    if codes.shape[1] == 1:
        return codes[:, 0]
    shares, mean = seen.mean(0).flatten(1).T, own.mean(0).flatten()[:, None]
    greys = torch.linalg.lstsq(shares, mean).solution[:, 0]
    return torch.einsum("ncxyz,c->nxyz", codes, greys)


def shape_fields(images: Tensor, mean: Tensor, spacing_mm: float) -> Tensor:
    """How each of `images` (n, x, y, z) is bent against `mean` (x, y, z): displacements (n, 3, ...) in mm, read at every
    `APART`-th voxel, without their affine part.

    Of each the half that is its own mirror image, since a secret may exchange left and right.
    """
    symmetric = (mean + mean.flip(0)) / 2
    target = syn_fast.pyramid(symmetric[None])
    found = []
    for some in images.split(TOGETHER):
        levels = [level.expand(len(some), -1, -1, -1) for level in target]
        bent = syn_fast.fields(levels, syn_fast.pyramid(some), (spacing_mm,) * 3, symmetric.shape)
        mirrored = bent.flip(2) * torch.tensor([-1.0, 1.0, 1.0]).view(3, 1, 1, 1)
        found.append(functional.avg_pool3d((bent + mirrored) / 2, APART))
    return torch.cat(found)


class ShapeLikelihood:
    """How alike two heads are where people's shapes differ, learnt from `fields` (n, 3, ...) of `patients`, several of some."""

    def __init__(self, fields: Tensor, patients: Sequence[str]) -> None:
        flat = fields.flatten(1).double()
        self.mean = flat.mean(0)
        people, whose = numbered(patients)
        whose = torch.from_numpy(whose)
        modes = max(2, min(MODES, len(flat) - people))
        _, _, axes = torch.linalg.svd(flat - self.mean, full_matrices=False)
        principal = (flat - self.mean) @ axes[:modes].T
        own = torch.stack([principal[whose == person].mean(0) for person in range(people)])
        left = principal - own[whose]
        within = left.T @ left / max(1, len(flat) - people)
        within = (1 - OWN_SHARE) * within + OWN_SHARE * within.diagonal().mean() * torch.eye(len(within)).double()
        values, vectors = torch.linalg.eigh(within)
        white = vectors * values.clamp(min=1e-12).rsqrt()
        # Within a person now all directions are alike, so that those are left by which people differ.
        _, _, turned = torch.linalg.svd(own @ white - (own @ white).mean(0))
        self.axes = axes[:modes].T @ white @ turned.T
        self.ratio = VoxelLikelihood(self._seen(fields), patients)

    def scores(self, fields: Tensor, pairs: Sequence[Pair]) -> tuple[np.ndarray, np.ndarray]:
        """Cosines of `pairs` of `fields` (m, 3, ...), float64 (n,), and embeddings (m, m) for retrieval by distance."""
        return self.ratio.scores(self._seen(fields), pairs)

    def _seen(self, fields: Tensor) -> Tensor:
        return ((fields.flatten(1).double() - self.mean) @ self.axes).float()
