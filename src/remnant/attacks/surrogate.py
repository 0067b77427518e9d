"""The surrogate encoder (Subbanna 2021, closing experiment): an attacker who has latents, but not the encoder they are from.

It trains a segmenter of the same architecture on its own patients, an inversion decoder on the latents of its own encoder,
and feeds that with the target's latents: as they are, which is the paper's experiment, or taken into its own latent space
first (`attacks.alignment`), for which it needs nothing but many latents.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import pydantic
from torch import Tensor, nn

from remnant.attacks.alignment import Alignment, align
from remnant.attacks.decoder import DECODERS
from remnant.base.config import Settings
from remnant.base.seeds import Seeds
from remnant.engine.device import place
from remnant.engine.loop import EpochReport
from remnant.targets.access import Latents, StolenLatents, latents_of
from remnant.targets.segmenter import Architecture, SegmenterSettings, train_segmenter


class SurrogateSettings(Settings):
    """What the attacker trains.

    `encoders`: how many segmenters. The decoder draws from the latents of the first; the others play the target: it also
    learns from their latents as they look when they are aligned to the first, and so what an alignment spoils.
    """

    encoders: int = pydantic.Field(default=1, ge=1)
    alignment: Alignment = "ridge"
    segmenter: SegmenterSettings = SegmenterSettings()


@dataclass(frozen=True)
class Surrogate:
    """What the attacker trained: `decoder` draws images from latents of its own encoder.

    `latents` (n, c, x', y', z') are those of its own scans, to align others to.
    """

    decoder: nn.Module
    latents: Tensor


def train_surrogate(
    own: Tensor,
    labels: Tensor,
    classes: int,
    architecture: Architecture,
    settings: SurrogateSettings,
    decoder: str,
    decoder_settings: Settings,
    seeds: Seeds,
    report: EpochReport,
) -> Surrogate:
    """Train on the attacker's `own` scans (n, 1, x, y, z) in [0, 1] and their `labels` (n, x, y, z): nothing of the target's.

    `decoder` is one of `DECODERS`, trained as it would be on the target's encoder.
    """
    encoders = []
    for number in range(settings.encoders):
        branch = seeds.child("segmenter", number)
        segmenter = train_segmenter(architecture, own, labels, classes, settings.segmenter, branch, report)
        access = latents_of(segmenter, own)
        if number == 0:
            latents = access.latents
            encoders.append(access.encoder)
        else:
            encoders.append(nn.Sequential(access.encoder, place(align(access.latents, latents, settings.alignment))))
    access = Latents(_InTurn(encoders), latents)
    return Surrogate(DECODERS[decoder].train(access, own, decoder_settings, seeds, report), latents)


def decoder_for(surrogate: Surrogate, access: StolenLatents, alignment: Alignment) -> nn.Module:
    """The decoder of the target's latents: to the surrogate's space first, then to images (m, 1, x, y, z)."""
    return nn.Sequential(place(align(access.latents, surrogate.latents, alignment)), surrogate.decoder).eval()


class _InTurn(nn.Module):
    """One encoder after the other, a batch each."""

    def __init__(self, encoders: Sequence[nn.Module]) -> None:
        super().__init__()
        self.encoders = nn.ModuleList(encoders)
        self.turn = 0

    def forward(self, image: Tensor) -> Tensor:
        self.turn += 1
        return self.encoders[self.turn % len(self.encoders)](image)
