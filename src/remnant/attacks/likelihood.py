"""An adversary without a network: voxel by voxel, how much better is one patient than two an explanation of two codes?

Probabilistic linear discriminant analysis (Ioffe 2006; Prince and Elder 2007) with diagonal covariances. Codes of scans in one
space have patients' differences at places, and a voxel speaks the louder the more patients differ there from each other
than one patient from visit to visit. Strangers lie further from the mean than those it was taken of: codes are brought to
one length (Garcia-Romero and Espy-Wilson 2011), without which a threshold does not carry over. Nothing is trained by
gradients, so that no code is new to it and no seed unlucky.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from remnant.cohort.pairs import Pair
from remnant.measure.intervals import numbered

SURE = 0.99  # a voxel's share of variance that lies between patients, at most: few visits cannot show more
FAINT = 1e-2  # of the mean variance over voxels: below it a voxel has little to say


class VoxelLikelihood:
    """How alike two codes are where patients differ, by means and variances of `codes` (n, c, x, y, z) of `patients`.

    Some patients have several codes. A voxel weighs what it does in the log likelihood ratio of "one patient" against "two".
    """

    def __init__(self, codes: Tensor, patients: Sequence[str]) -> None:
        people, whose = numbered(patients)
        flat = codes.flatten(1)
        self.mean = flat.mean(0)
        own = torch.stack([flat[torch.from_numpy(whose == number)].mean(0) for number in range(people)])
        within, total = torch.zeros_like(self.mean), torch.zeros_like(self.mean)
        for code, owner in zip(flat, whose, strict=True):
            within += (code - own[owner]).square()
            total += (code - self.mean).square()
        total /= len(flat) - 1
        within /= max(1, len(flat) - people)
        # As if every voxel had a little noise of its own: what hardly varies would else be believed most.
        noise = FAINT * total.mean() + 1e-12
        total, within = total + noise, within + noise
        between = (1 - within / total).clamp(0, SURE)
        self.alike = between / (total * (1 - between**2))

    def scores(self, codes: Tensor, pairs: Sequence[Pair]) -> tuple[np.ndarray, np.ndarray]:
        """Cosines of `pairs` of `codes` (m, c, x, y, z), float64 (n,), and embeddings (m, m) for retrieval by distance."""
        weighed = (codes.flatten(1) - self.mean) * self.alike.sqrt()
        weighed /= weighed.norm(dim=1, keepdim=True).clamp(min=1e-12)
        cosines = (weighed @ weighed.T).double().numpy()
        first, second = np.array([(pair.anchor, pair.other) for pair in pairs]).T
        # Coordinates with the same distances as the weighed codes, in as few dimensions as there are codes.
        values, vectors = np.linalg.eigh(cosines)
        return cosines[first, second], vectors * np.sqrt(values.clip(0))
