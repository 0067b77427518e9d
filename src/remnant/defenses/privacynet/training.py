"""Training of a Privacy-Net: each network alone on raw scans, then all against each other (Kim 2019)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from remnant.base.seeds import Seeds
from remnant.cohort.pairs import Pair, cut_patch, draw_corners, draw_epoch
from remnant.defenses.privacynet.losses import (
    dice_loss,
    entropy_term,
    every_class_loss,
    published_term,
    redrawing_error,
    redrawing_term,
    same_patient_loss,
)
from remnant.defenses.privacynet.networks import Networks
from remnant.defenses.privacynet.secret import SecretSettings, draw_secret, warp_labels, warp_scan
from remnant.defenses.privacynet.settings import PrivacyNetSettings, Segmentation
from remnant.engine.adversarial import Player, TermReport, play
from remnant.engine.device import as_batch

# Steps that share one drawing of pairs, each pair of one patient once before any comes again.
STEPS_AN_EPOCH = 64
SEGMENTATION: dict[Segmentation, Callable[[Tensor, Tensor], Tensor]] = {
    "published": dice_loss,
    "every_class": every_class_loss,
}


@dataclass(frozen=True)
class Scans:
    """Scans of several sessions: `images` float32 (n, 1, x, y, z) in [0, 1], `labels` uint8 (n, x, y, z) below `classes`,
    `patients` (n,) whose each is.
    """

    images: Tensor
    labels: Tensor
    patients: Sequence[str]
    classes: int


class Batch(NamedTuple):
    """Patches of pairs: `scans` (2n, 1, p, p, p), the anchors first, then their others; `labels` (2n, p, p, p); `same` (n,)."""

    scans: Tensor
    labels: Tensor
    same: Tensor


class Played(NamedTuple):
    """A batch and the codes (2n, 1, p, p, p) that the encoder makes of its scans, with their gradients."""

    batch: Batch
    codes: Tensor


def pair_drawing(
    scans: Scans, settings: PrivacyNetSettings, seeds: Seeds, secret: SecretSettings | None = None
) -> Callable[[int], Batch]:
    """`draw(step)`: patches of `settings.batch` pairs, half of one patient, both of a pair from the same place.

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

    def draw(step: int) -> Batch:
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
        return Batch(images, labels.to(images.device), same)

    # What cannot be drawn is told before any work.
    draw(0)
    return draw


def _cut(
    scans: Scans,
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


def pretrain(
    networks: Networks, scans: Scans, settings: PrivacyNetSettings, seeds: Seeds, state: Path, report: TermReport
) -> None:
    """Each network alone on raw scans, in place: the encoder as an auto-encoder, the others at their tasks.

    Kim 2019 trains encoder, segmenter and discriminator so; the method "deformation" has no encoder. `state` and `report` as
    for `play`.
    """
    rate = settings.pretraining.learning_rate

    def encoder(batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        error = redrawing_error(networks.encoder(batch.scans), batch.scans)
        return error, {"encoder's error": error}

    players = _apart(networks, settings, rate)
    if settings.encodes:
        players["encoder"] = Player((networks.encoder,), rate, encoder)
    if settings.adversary == "inversion":
        players["decoder"] = Player((networks.decoder,), rate, lambda batch: _redraw(networks, batch, batch.scans))
    draw = pair_drawing(scans, settings, seeds.child("pretraining"))
    play(players, draw, settings.pretraining.steps, state=state, report=report)


def train_unencoded(
    networks: Networks,
    scans: Scans,
    settings: PrivacyNetSettings,
    seeds: Seeds,
    secret: SecretSettings | None,
    state: Path,
    report: TermReport,
) -> None:
    """The steps of `train_adversarially` without an encoder: segmenter and discriminator each at its task, in place.

    On scans deformed anew at each step by the law of `secret`, or on raw ones where it is None: what a Privacy-Net is compared
    with.
    """
    draw = pair_drawing(scans, settings, seeds.child("adversarial"), secret)
    players = _apart(networks, settings, settings.adversarial.learning_rate)
    play(players, draw, settings.adversarial.steps, state=state, report=report)


def train_adversarially(
    networks: Networks, scans: Scans, settings: PrivacyNetSettings, seeds: Seeds, state: Path, report: TermReport
) -> None:
    """min over E and S, max over D of E[Lseg(S(E(x)), y)] - lambda E[Ldis(D(E(x_i), E(x_j)), s_ij)], in place (Kim 2019).

    Discriminator, and decoder where there is one, move first, encoder and segmenter after them, one step of Adam each.
    `settings.adversary` says by what the encoder gains; `state` and `report` as for `play`. Without an encoder nobody
    plays against anybody: `train_unencoded`.
    """
    if not settings.encodes:
        train_unencoded(networks, scans, settings, seeds, settings.drawn, state, report)
        return
    rate = settings.adversarial.learning_rate
    draw = pair_drawing(scans, settings, seeds.child("adversarial"), settings.drawn)

    def share(step: int) -> Played:
        batch = draw(step)
        return Played(batch, networks.encoder(batch.scans))

    def discriminate(played: Played) -> tuple[Tensor, dict[str, Tensor]]:
        logits = networks.discriminator(*played.codes.detach().chunk(2))
        right = ((logits > 0) == (played.batch.same > 0.5)).float().mean()
        loss = same_patient_loss(logits, played.batch.same)
        return loss, {"same patient": loss, "pairs told right": right}

    def hide(played: Played) -> tuple[Tensor, dict[str, Tensor]]:
        batch, codes = played
        segmentation = SEGMENTATION[settings.segmentation](networks.segmenter(codes), batch.labels)
        logits = networks.discriminator(*codes.chunk(2))
        hidden = published_term(logits, batch.same) if settings.adversary == "published" else entropy_term(logits)
        terms = {"segmentation": segmentation, "hiding": hidden}
        if settings.adversary == "inversion":
            terms["redrawing"] = redrawing_term(networks.decoder(codes), batch.scans)
            hidden = hidden + terms["redrawing"]
        with torch.no_grad():
            terms["distance of code and scan"] = functional.l1_loss(codes.float(), batch.scans)
        terms["total"] = segmentation + settings.lambda_ * hidden
        return terms["total"], terms

    players = {"discriminator": Player((networks.discriminator,), rate, discriminate)}
    if settings.adversary == "inversion":
        players["decoder"] = Player(
            (networks.decoder,), rate, lambda played: _redraw(networks, played.batch, played.codes.detach())
        )
    players["encoder and segmenter"] = Player((networks.encoder, networks.segmenter), rate, hide)
    play(players, share, settings.adversarial.steps, state=state, report=report)


def _apart(networks: Networks, settings: PrivacyNetSettings, rate: float) -> dict[str, Player]:
    """Segmenter and discriminator, each alone on the scans of a batch."""

    def segmenter(batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        loss = SEGMENTATION[settings.segmentation](networks.segmenter(batch.scans), batch.labels)
        return loss, {"segmentation": loss}

    def discriminator(batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        loss = same_patient_loss(networks.discriminator(*batch.scans.chunk(2)), batch.same)
        return loss, {"same patient": loss}

    return {
        "segmenter": Player((networks.segmenter,), rate, segmenter),
        "discriminator": Player((networks.discriminator,), rate, discriminator),
    }


def _redraw(networks: Networks, batch: Batch, codes: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
    error = redrawing_error(networks.decoder(codes), batch.scans)
    return error, {"decoder's error": error}
