"""Training of a Privacy-Net: each network alone on raw scans, then all against each other (Kim 2019)."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from remnant.base.seeds import Seeds
from remnant.cohort.images import Images
from remnant.defenses.privacynet.drawing import PairBatch, pair_drawing
from remnant.defenses.privacynet.losses import (
    dice_loss,
    entropy_term,
    every_class_loss,
    inversion_error,
    inversion_term,
    published_term,
    same_patient_loss,
)
from remnant.defenses.privacynet.networks import Networks
from remnant.defenses.privacynet.secret import SecretSettings
from remnant.defenses.privacynet.settings import PrivacyNetSettings, Segmentation
from remnant.engine.adversarial import Player, TermReport, play
from remnant.engine.cost import timed
from remnant.engine.device import as_batch, fabric, place

SEGMENTATION: dict[Segmentation, Callable[[Tensor, Tensor], Tensor]] = {
    "published": dice_loss,
    "every_class": every_class_loss,
}


class Played(NamedTuple):
    """A batch and the codes (2n, 1, p, p, p) that the encoder makes of its scans, with their gradients."""

    batch: PairBatch
    codes: Tensor


def pretrain(
    networks: Networks, scans: Images, settings: PrivacyNetSettings, seeds: Seeds, state: Path, report: TermReport
) -> None:
    """Each network alone on raw scans, in place: the encoder as an auto-encoder, the others at their tasks.

    Kim 2019 trains encoder, segmenter and discriminator so; the method "deformation" has no encoder. `state` and `report` as
    for `play`.
    """
    rate = settings.pretraining.learning_rate

    def encoder(batch: PairBatch) -> tuple[Tensor, dict[str, Tensor]]:
        error = inversion_error(networks.encoder(batch.scans), batch.scans)
        return error, {"encoder's error": error}

    players = _apart(networks, settings, rate)
    if settings.encodes:
        players["encoder"] = Player((networks.encoder,), rate, encoder)
    if settings.adversary == "inversion":
        players["decoder"] = Player((networks.decoder,), rate, lambda batch: _invert(networks, batch, batch.scans))
    draw = pair_drawing(scans, settings, seeds.child("pretraining"))
    play(players, draw, settings.pretraining.steps, state=state, report=report)


def train_unencoded(
    networks: Networks,
    scans: Images,
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
    networks: Networks, scans: Images, settings: PrivacyNetSettings, seeds: Seeds, state: Path, report: TermReport
) -> None:
    """min over E and S, max over D of E[Lseg(S(E(x)), y)] - lambda E[Ldis(D(E(x_i), E(x_j)), s_ij)], in place (Kim 2019).

    Discriminator, and decoder where there is one, and encoder with segmenter move in turn, one step of Adam each, in the
    `settings.order`. All of a step are about the codes that the encoder made at its beginning; so it is in the authors' code,
    where encoder and segmenter move first. `settings.adversary` says by what the encoder gains; `state` and `report` as for
    `play`. Without an encoder nobody plays against anybody: `train_unencoded`.
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
            terms["redrawing"] = inversion_term(networks.decoder(codes), batch.scans)
            hidden = hidden + terms["redrawing"]
        with torch.no_grad():
            terms["distance of code and scan"] = functional.l1_loss(codes.float(), batch.scans)
        terms["total"] = segmentation + settings.lambda_ * hidden
        return terms["total"], terms

    players = {"discriminator": Player((networks.discriminator,), rate, discriminate)}
    if settings.adversary == "inversion":
        players["decoder"] = Player(
            (networks.decoder,), rate, lambda played: _invert(networks, played.batch, played.codes.detach())
        )
    hiding = {"encoder and segmenter": Player((networks.encoder, networks.segmenter), rate, hide)}
    players = hiding | players if settings.order == "encoder_first" else players | hiding
    play(players, share, settings.adversarial.steps, state=state, report=report)


def _apart(networks: Networks, settings: PrivacyNetSettings, rate: float) -> dict[str, Player]:
    """Segmenter and discriminator, each alone on the scans of a batch."""

    def segmenter(batch: PairBatch) -> tuple[Tensor, dict[str, Tensor]]:
        loss = SEGMENTATION[settings.segmentation](networks.segmenter(batch.scans), batch.labels)
        return loss, {"segmentation": loss}

    def discriminator(batch: PairBatch) -> tuple[Tensor, dict[str, Tensor]]:
        loss = same_patient_loss(networks.discriminator(*batch.scans.chunk(2)), batch.same)
        return loss, {"same patient": loss}

    return {
        "segmenter": Player((networks.segmenter,), rate, segmenter),
        "discriminator": Player((networks.discriminator,), rate, discriminator),
    }


def _invert(networks: Networks, batch: PairBatch, codes: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
    error = inversion_error(networks.decoder(codes), batch.scans)
    return error, {"decoder's error": error}


def step_seconds(networks: Networks, settings: PrivacyNetSettings) -> float:
    """About how many seconds a step of the game takes here."""
    for network in vars(networks).values():
        place(network)
    patch = as_batch(torch.rand(2 * settings.batch, 1, *(settings.patch,) * 3))

    def step() -> None:
        with fabric().autocast():
            codes = networks.encoder(patch)
            logits = networks.segmenter(codes).float().sum() + networks.discriminator(*codes.chunk(2)).float().sum()
        logits.backward()

    # The discriminator has a step of its own.
    return 1.3 * timed(step)
