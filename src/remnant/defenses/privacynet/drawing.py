"""What Privacy-Net's networks see at each step of a training: patches of pairs of scans."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor

from remnant.base.seeds import Seeds
from remnant.cohort.images import Images
from remnant.cohort.pairs import Pair, cut_patch, draw_corners, draw_epoch
from remnant.defenses.privacynet.concealing import Law, draw_from
from remnant.defenses.privacynet.mixing import Mix, References, mix_scan, unmixed
from remnant.defenses.privacynet.settings import PrivacyNetSettings
from remnant.defenses.privacynet.warping import warp_labels, warp_scan
from remnant.engine.device import as_batch

# Steps that share one drawing of pairs, each pair of one patient once before any comes again.
STEPS_AN_EPOCH = 64


class PairBatch(NamedTuple):
    """Patches of pairs: `scans` (2n, 1, p, p, p), the anchors first, then their others; `labels` (2n, p, p, p); `same` (n,).

    `mixed`: of scans that a reference was mixed into its labels (2n, p, p, p) and the weights (2n,) of the scans.
    """

    scans: Tensor
    labels: Tensor
    same: Tensor
    mixed: tuple[Tensor, Tensor] | None = None

    def recovered(self, logits: Tensor) -> Tensor:
        """Logits (2n, classes, p, p, p) of `labels`, of a segmenter's for `scans`."""
        return logits if self.mixed is None else unmixed(logits, *self.mixed)


def pair_drawing(
    scans: Images, settings: PrivacyNetSettings, seeds: Seeds, secret: Law | None = None
) -> Callable[[int], PairBatch]:
    """`draw(step)`: patches of `settings.batch` pairs, half of one patient, both of a pair from the same place.

    `scans` of several sessions: images float32 (n, 1, x, y, z) in [0, 1], labels uint8 (n, x, y, z). With a `secret` every scan
    is deformed anew each time, its labels with it, or mixed anew. Raises `RemnantError` where nobody has two scans, for a
    single patient, and for scans smaller than a patch.
    """
    pairs, shape = settings.batch, tuple(scans.images.shape[2:])

    @lru_cache(maxsize=2)
    def epoch(number: int) -> tuple[tuple[Pair, ...], ...]:
        drawn = draw_epoch(scans.patients, pairs * STEPS_AN_EPOCH, seeds=seeds.child("epoch", number))
        same, others = ([pair for pair in drawn if pair.same is kind] for kind in (True, False))
        half = pairs // 2
        return tuple((*same[i : i + half], *others[i : i + half]) for i in range(0, len(same), half))

    def draw(step: int) -> PairBatch:
        chosen = epoch(step // STEPS_AN_EPOCH)[step % STEPS_AN_EPOCH]
        corners = draw_corners(shape, settings.patch, pairs, seeds=seeds.child("step", step))
        places = [
            *((pair.anchor, i) for i, pair in enumerate(chosen)),
            *((pair.other, i) for i, pair in enumerate(chosen)),
        ]
        cut = [
            _cut(scans, scan, corners[i], settings, secret, seeds.child("secret", step, number))
            for number, (scan, i) in enumerate(places)
        ]
        images, labels, references, weights = (torch.stack(parts) for parts in zip(*cut, strict=True))
        images = as_batch(images)
        same = torch.tensor([float(pair.same) for pair in chosen], device=images.device)
        mixed = (references.to(images.device), weights.to(images.device)) if isinstance(secret, References) else None
        return PairBatch(images, labels.to(images.device), same, mixed)

    # What cannot be drawn is told before any work.
    draw(0)
    return draw


def _cut(
    scans: Images,
    scan: int,
    corner: Sequence[int],
    settings: PrivacyNetSettings,
    secret: Law | None,
    seeds: Seeds,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The patch of a scan and of its labels at `corner`, of the deformed or mixed scan where there is a `secret`; and of a
    mixed one the reference's labels and the scan's own weight, of any other its own labels and 1.
    """
    image, labels, side = scans.images[scan], scans.labels[scan], settings.patch
    x, y, z = (slice(int(first), int(first) + side) for first in corner)
    own = cut_patch(labels, corner, side)
    if secret is None:
        return cut_patch(image, corner, side), own, own, torch.tensor(1.0)
    drawn = draw_from(secret, labels.shape, settings.preparation.spacing_mm, seeds.numpy())
    if isinstance(drawn, Mix):
        return mix_scan(image, drawn, (x, y, z)), own, drawn.labels[x, y, z], torch.tensor(drawn.weight)
    own = warp_labels(labels, drawn, (x, y, z))
    return warp_scan(image, drawn, (x, y, z)), own, own, torch.tensor(1.0)
