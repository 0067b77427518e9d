"""The scan back from its code: the inversion decoder of Subbanna 2021, turned on Privacy-Net (Kim 2019)."""

import pydantic
import torch
from torch import Tensor

from remnant.attacks.attack import Attack, Reconstructions, Work, of_a_client
from remnant.attacks.decoder import reconstruct
from remnant.attacks.default import WarpedTraining, train_on_warps
from remnant.base.seeds import Seeds
from remnant.cohort.images import Images
from remnant.engine.cost import timed
from remnant.engine.loop import EpochReport, FitSettings
from remnant.nets.inversion import CodeDecoder
from remnant.targets.access import Codes, encode
from remnant.targets.seen_codes import SeenCodes

TRIED = 1  # scan, when a training is timed: as many steps as it is learned from


class CodeInversionSettings(WarpedTraining):
    """A U-Net of `widths` and its training on scans warped anew.

    Codes are as large as scans, so fewer are remembered than latents are; label maps have a channel a class.
    """

    widths: tuple[pydantic.PositiveInt, ...] = (8, 16, 32, 64)
    fit: FitSettings = FitSettings(epochs=3, learning_rate=2e-3)
    replays: int = pydantic.Field(default=3, ge=0)
    memory: int = pydantic.Field(default=100, ge=1)


def train_code_decoder(
    access: Codes, own: Tensor, settings: CodeInversionSettings, seeds: Seeds, report: EpochReport
) -> CodeDecoder:
    """A network from what is seen of a scan, (n, c, x, y, z), to the scan, (n, 1, x, y, z).

    Trained on the attacker's `own` scans (n, 1, x, y, z) in [0, 1], warped anew at each step and passed through `access.view`
    again; it never sees `access.codes`. `attacks.decoder.reconstruct` runs it.
    """
    torch.manual_seed(seeds.child("weights").integer)
    channels = encode(access.view, own[:1]).shape[1]
    model = CodeDecoder(tuple(own.shape[2:]), channels, settings.widths)
    model.mean.copy_(own.mean(0, keepdim=True))
    model.deviation.learn(encode(access.view, batch) for batch in own.split(2))
    return train_on_warps(model, access.view, own, settings, seeds, report)


def invert_codes(access: SeenCodes, own: Images, settings: CodeInversionSettings, work: Work) -> list[Reconstructions]:
    """One claim: a scan for every code, drawn upon the mean of the attacker's own."""
    scans = torch.stack(own.images)
    model = train_code_decoder(access.given, scans, settings, work.seeds.child("decoder"), work.epoch)
    return [Reconstructions(access.what, access.patients, reconstruct(model, access.codes), scans.mean(0))]


def _cost(access: SeenCodes, own: Images, settings: CodeInversionSettings, work: Work) -> float:
    """An epoch on one of his scans is tried."""
    scans = torch.stack(own.images[:TRIED])
    once = settings.changed(fit=settings.fit.changed(epochs=1))
    epoch = timed(lambda: train_code_decoder(access.given, scans, once, work.seeds, work.epoch))
    return settings.fit.epochs * epoch * len(own) / len(scans)


CODE_INVERSION = Attack(
    "code_inversion",
    "scans reconstructed from codes by a U-Net that learned on the attacker's own scans, warped anew at each step",
    access="codes",
    claim="reconstructions",
    run=invert_codes,
    source="Subbanna et al. 2021, the decoder turned on codes",
    settings=CodeInversionSettings,
    cost=_cost,
    suits=of_a_client,
)
