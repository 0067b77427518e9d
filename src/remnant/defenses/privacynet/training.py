"""Training of a Privacy-Net: each network alone on raw scans, then all against each other (Kim 2019)."""

import tempfile
from pathlib import Path

import torch
from torch import Tensor, nn

from remnant.base.seeds import Seeds
from remnant.cohort.images import Images
from remnant.defenses.privacynet.blurring import sender
from remnant.defenses.privacynet.concealing import Law, law_of
from remnant.defenses.privacynet.drawing import PairBatch, pair_drawing
from remnant.defenses.privacynet.game import Played, hider, seekers
from remnant.defenses.privacynet.losses import SEGMENTATION, inversion_error, same_patient_loss
from remnant.defenses.privacynet.networks import Networks
from remnant.defenses.privacynet.settings import PrivacyNetSettings
from remnant.engine.adversarial import Player, TermReport, play
from remnant.engine.cost import timed
from remnant.engine.device import place

STEPS_TRIED = 3  # when a training is timed


def pretrain(
    networks: Networks, scans: Images, settings: PrivacyNetSettings, seeds: Seeds, state: Path, report: TermReport
) -> None:
    """Each network alone on raw scans, in place: the encoder as an auto-encoder, the others at their tasks.

    Kim 2019 trains encoder, segmenter and discriminator so; the methods "deformation" and "mixing" have no encoder. Rivals of
    the discriminator stay as they were drawn, so that the encoder also meets some that know no scan. `state` and `report` as
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
    secret: Law | None,
    state: Path,
    report: TermReport,
) -> None:
    """The steps of `train_adversarially` without an encoder: segmenter and discriminator each at its task, in place.

    On scans deformed or mixed anew at each step by the law of `secret`, or on raw ones where it is None, with the settings'
    noise: what a Privacy-Net is compared with.
    """
    drawn = pair_drawing(scans, settings, seeds.child("adversarial"), secret)
    sent = sender(nn.Identity(), settings.noise, seeds)

    def draw(step: int) -> PairBatch:
        batch = drawn(step)
        return batch._replace(scans=sent(step, batch.scans))

    players = _apart(networks, settings, settings.adversarial.learning_rate)
    play(players, draw, settings.adversarial.steps, state=state, report=report)


def train_adversarially(
    networks: Networks, scans: Images, settings: PrivacyNetSettings, seeds: Seeds, state: Path, report: TermReport
) -> None:
    """min over E and S, max over D of E[Lseg(S(E(x)), y)] - lambda E[Ldis(D(E(x_i), E(x_j)), s_ij)], in place (Kim 2019).

    Discriminators, and decoder where there is one, and encoder with segmenter move in turn, one step of Adam each, in the
    `settings.order`. All of a step are about the codes that the encoder made at its beginning; so it is in the authors' code,
    where encoder and segmenter move first. `settings.adversary` says by what the encoder gains, `settings.game` in what they
    play otherwise than in the paper; `state` and `report` as for `play`. Without an encoder nobody plays against anybody:
    `train_unencoded`.
    """
    if not settings.encodes:
        train_unencoded(networks, scans, settings, seeds, law_of(scans, settings), state, report)
        return
    rate, branch = settings.adversarial.learning_rate, seeds.child("adversarial")
    draw = pair_drawing(scans, settings, branch, settings.drawn)
    own = pair_drawing(scans, settings, branch.child("own"), settings.drawn) if settings.game.own_batch else draw
    sent = sender(networks.encoder, settings.noise, seeds)

    def share(step: int) -> Played:
        batch = draw(step)
        return Played(step, batch, sent(step, batch.scans))

    players = seekers(networks, settings, own, rate, branch)
    if settings.adversary == "inversion":
        players["decoder"] = Player(
            (networks.decoder,), rate, lambda played: _invert(networks, played.batch, played.codes.detach())
        )
    hiding = {"encoder and segmenter": hider(networks, settings, rate)}
    players = hiding | players if settings.order == "encoder_first" else players | hiding
    play(players, share, settings.adversarial.steps, state=state, report=report)


def finish(
    networks: Networks, scans: Images, settings: PrivacyNetSettings, seeds: Seeds, state: Path, report: TermReport
) -> None:
    """The segmenter alone, in place, on codes of an encoder that moves no more, or on what is sent without one.

    For `settings.game.finishing` steps at the rate of `train_adversarially`; `state` and `report` as for `play`.
    """
    draw = pair_drawing(scans, settings, seeds.child("finishing"), law_of(scans, settings))
    encoder = place(networks.encoder).eval() if settings.encodes else nn.Identity()
    sent = sender(encoder, settings.noise, seeds.child("finishing"))

    def share(step: int) -> PairBatch:
        batch = draw(step)
        with torch.no_grad():
            return batch._replace(scans=sent(step, batch.scans))

    players = {"segmenter": _apart(networks, settings, settings.adversarial.learning_rate)["segmenter"]}
    play(players, share, settings.game.finishing, state=state, report=report)


def _apart(networks: Networks, settings: PrivacyNetSettings, rate: float) -> dict[str, Player]:
    """Segmenter and discriminator, each alone on the scans of a batch."""

    def segmenter(batch: PairBatch) -> tuple[Tensor, dict[str, Tensor]]:
        # Of a mixture by what the client would make of the answer: end to end.
        logits = batch.recovered(networks.segmenter(batch.scans))
        loss = SEGMENTATION[settings.segmentation](logits, batch.labels)
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


def step_seconds(networks: Networks, settings: PrivacyNetSettings, shape: tuple[int, ...]) -> float:
    """About how many seconds a step of `train_adversarially` takes here on scans of `shape` voxels, by a few steps in place."""
    labels = torch.randint(networks.segmenter.out.out_channels, (4, *shape), dtype=torch.uint8)
    scans = Images(torch.rand(4, 1, *shape), labels, ("one", "one", "other", "other"))

    def steps(count: int) -> float:
        few = settings.changed(adversarial=settings.adversarial.changed(steps=count))
        with tempfile.TemporaryDirectory() as folder:
            given = (scans, few, Seeds(0), Path(folder) / "state.pt", lambda *unheard: None)
            return timed(lambda: train_adversarially(networks, *given), times=1)

    # The first is slow, and what comes before and after all steps does not come with each.
    steps(1)
    alone = steps(1)
    return max(0.0, steps(1 + STEPS_TRIED) - alone) / STEPS_TRIED
