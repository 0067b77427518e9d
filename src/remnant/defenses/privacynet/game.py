"""Who plays in a Privacy-Net's training (Kim 2019): the encoder with the segmenter, and the discriminators."""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from remnant.base.seeds import Seeds
from remnant.defenses.privacynet.blurring import sender
from remnant.defenses.privacynet.drawing import PairBatch
from remnant.defenses.privacynet.losses import (
    HIDING,
    SEGMENTATION,
    gradient_penalty,
    inversion_term,
    same_patient_loss,
)
from remnant.defenses.privacynet.networks import Networks, untrained_rival
from remnant.defenses.privacynet.settings import GameSettings, PrivacyNetSettings
from remnant.engine.adversarial import Player

DECAY = 0.95  # of the running means of gradients' norms, a step
# The gradient of hiding vanishes where hiding succeeds: an unbounded ratio would then follow what noise is left of it. On
# phantoms of 3 mm it began with 1 to 3.
MOST = 10.0
# Steps that share a gradient penalty, weighed by as many (Karras 2020, lazy regularisation): it takes as long as the rest.
PENALTY_EVERY = 4

Loss = tuple[Tensor, dict[str, Tensor]]


class Played(NamedTuple):
    """The number of a `step`, its batch, and the codes (2n, 1, p, p, p) that the encoder makes of its scans, with gradients."""

    step: int
    batch: PairBatch
    codes: Tensor


class GradientRatio(nn.Module):
    """How much longer the gradient of segmenting is at the codes than that of hiding, by running means of both norms.

    A network without weights, so that a training that goes on has what it smoothed. The adaptive weight of Esser 2021 (VQGAN),
    which has the last layer in place of the codes and nothing smoothed.
    """

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("norms", torch.zeros(2))

    def forward(self, segmentation: Tensor, hidden: Tensor, codes: Tensor) -> Tensor:
        """A scalar from 0 to `MOST`, without gradient, of two losses whose graphs are kept; the first has no earlier mean."""
        # As every way back: in the precision of the way there.
        with torch.autocast(codes.device.type, enabled=False):
            found = [torch.autograd.grad(loss, codes, retain_graph=True)[0] for loss in (segmentation, hidden)]
        now = torch.stack([gradient.float().norm() for gradient in found])
        self.norms.copy_(torch.where(self.norms > 0, DECAY * self.norms + (1 - DECAY) * now, now))
        segmenting, hiding = self.norms
        return (segmenting / hiding.clamp(min=1e-12)).clamp(max=MOST)


def ramped(step: int, ramp: int) -> float:
    """The share of lambda in a step, from 0 to 1 over the first `ramp` steps."""
    return min(1.0, step / ramp) if ramp else 1.0


def hider(networks: Networks, settings: PrivacyNetSettings, learning_rate: float) -> Player:
    """Encoder and segmenter, by the segmentation and lambda times what the encoder gains by hiding (`settings.adversary`).

    Against several discriminators that is the mean over them.
    """
    ratio = GradientRatio() if settings.game.gradient_ratio else None

    def loss(played: Played) -> Loss:
        step, batch, codes = played
        segmentation = SEGMENTATION[settings.segmentation](networks.segmenter(codes), batch.labels)
        term, pair = HIDING[settings.adversary], codes.chunk(2)
        hidden = torch.stack([term(each(*pair), batch.same) for each in networks.discriminators]).mean()
        terms = {"segmentation": segmentation, "hiding": hidden}
        if settings.adversary == "inversion":
            terms["redrawing"] = inversion_term(networks.decoder(codes), batch.scans)
            hidden = hidden + terms["redrawing"]
        with torch.no_grad():
            terms["distance of code and scan"] = functional.l1_loss(codes.float(), batch.scans)
        if ratio is not None:
            terms["gradient ratio"] = ratio(segmentation, hidden, codes)
        weight = settings.lambda_ * ramped(step, settings.game.ramp)
        terms["total"] = segmentation + weight * terms.get("gradient ratio", 1.0) * hidden
        return terms["total"], terms

    moved = (networks.encoder, networks.segmenter, *([] if ratio is None else [ratio]))
    return Player(moved, learning_rate, loss)


def seekers(
    networks: Networks,
    settings: PrivacyNetSettings,
    draw: Callable[[int], PairBatch],
    learning_rate: float,
    seeds: Seeds,
) -> dict[str, Player]:
    """Every discriminator by itself, by binary cross-entropy and, every `PENALTY_EVERY` steps, R1.

    Of the pairs that the encoder is moved by, or of `draw(step)` where the batch is their own. Each but the first begins anew in
    its turn, with weights drawn from `seeds` by the step alone.
    """
    game, sent = settings.game, sender(networks.encoder, settings.noise, seeds.child("own"))

    @lru_cache(maxsize=1)
    def own(step: int) -> tuple[PairBatch, Tensor]:
        """What all discriminators learn from in a step, between two moves of the encoder."""
        batch = draw(step)
        with torch.no_grad():
            return batch, sent(step, batch.scans)

    def player(number: int) -> Player:
        discriminator = networks.discriminators[number]
        whose = f", discriminator {number + 1}" if number else ""

        def loss(played: Played) -> Loss:
            batch, codes = own(played.step) if game.own_batch else (played.batch, played.codes.detach())
            logits = discriminator(*codes.chunk(2))
            right = ((logits > 0) == (batch.same > 0.5)).float().mean()
            loss = same_patient_loss(logits, batch.same)
            terms = {f"same patient{whose}": loss, f"pairs told right{whose}": right}
            if game.penalty and played.step % PENALTY_EVERY == 0:
                penalty = PENALTY_EVERY * game.penalty / 2 * gradient_penalty(discriminator, codes)
                terms[f"gradient penalty{whose}"] = penalty
                loss = loss + penalty
            return loss, terms

        def anew(step: int) -> Mapping[str, Tensor] | None:
            if renewed(step, game) != number:
                return None
            return untrained_rival(settings, seeds.child("renewed", step)).state_dict()

        return Player((discriminator,), learning_rate, loss, anew if number else lambda step: None)

    names = ["discriminator", *(f"rival_{i}" for i in range(1, game.discriminators))]
    return {name: player(number) for number, name in enumerate(names)}


def renewed(step: int, game: GameSettings) -> int:
    """Which discriminator begins anew at a step, counted from 0; 0, the first, stands for none."""
    if not game.renewal or not step or step % game.renewal:
        return 0
    return 1 + (step // game.renewal - 1) % (game.discriminators - 1)
