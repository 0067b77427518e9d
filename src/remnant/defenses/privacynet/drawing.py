"""What Privacy-Net's networks see at each step of a training: patches of pairs of scans."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor

from remnant.base.seeds import Seeds
from remnant.cohort.images import Images
from remnant.cohort.pairs import Pair, cut_patch, draw_corners, draw_epoch
from remnant.defenses.privacynet.secret import SecretSettings, draw_secret
from remnant.defenses.privacynet.settings import PrivacyNetSettings
from remnant.defenses.privacynet.warping import warp_labels, warp_scan
from remnant.engine.device import as_batch

# Steps that share one drawing of pairs, each pair of one patient once before any comes again.
STEPS_AN_EPOCH = 64


class PairBatch(NamedTuple):
    """Patches of pairs: `scans` (2n, 1, p, p, p), the anchors first, then their others; `labels` (2n, p, p, p); `same` (n,)."""

    scans: Tensor
    labels: Tensor
    same: Tensor


def pair_drawing(
    scans: Images, settings: PrivacyNetSettings, seeds: Seeds, secret: SecretSettings | None = None
) -> Callable[[int], PairBatch]:
    """`draw(step)`: patches of `settings.batch` pairs, half of one patient, both of a pair from the same place.

    `scans` of several sessions: images float32 (n, 1, x, y, z) in [0, 1], labels uint8 (n, x, y, z).
    With a `secret` every scan is deformed anew each time, its labels with it. Raises `RemnantError` where nobody has two scans,
    for a single patient, and for scans smaller than a patch.
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
        images, labels = (torch.stack(parts) for parts in zip(*cut, strict=True))
        images = as_batch(images)
        same = torch.tensor([float(pair.same) for pair in chosen], device=images.device)
        return PairBatch(images, labels.to(images.device), same)

    # What cannot be drawn is told before any work.
    draw(0)
    return draw


def _cut(
    scans: Images,
    scan: int,
    corner: Sequence[int],
    settings: PrivacyNetSettings,
    secret: SecretSettings | None,
    seeds: Seeds,
) -> tuple[Tensor, Tensor]:
    """The patch of a scan and of its labels at `corner`, of the deformed scan where there is a `secret`."""
    image, labels, side = scans.images[scan], scans.labels[scan], settings.patch
    if secret is None:
        return cut_patch(image, corner, side), cut_patch(labels, corner, side)
    drawn = draw_secret(labels.shape, settings.preparation.spacing_mm, secret, seeds.numpy())
    x, y, z = (slice(int(first), int(first) + side) for first in corner)
    return warp_scan(image, drawn, (x, y, z)), warp_labels(labels, drawn, (x, y, z))
