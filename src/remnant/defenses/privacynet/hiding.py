"""Privacy-Net: an encoder at the client, trained to leave a segmenter what it needs and an adversary nothing of who it is."""

from typing import Any

import pydantic
from torch import nn

from remnant.base.config import Settings
from remnant.defenses.defense import Defense
from remnant.defenses.privacynet.settings import Adversary, PrivacyNetSettings


class HidingSettings(Settings):
    """`adversary`: what the encoder plays against, `lambda_`: the weight of hiding against segmenting, both as in
    `PrivacyNetSettings`."""

    adversary: Adversary = "published"
    lambda_: float = pydantic.Field(default=1.0, ge=0)


def hide(pair: PrivacyNetSettings, settings: HidingSettings) -> PrivacyNetSettings:
    """The pair whose client encodes what it sends; a scan that it deforms, after that."""
    return pair.changed(
        method="encoder" if pair.drawn is None else "both", adversary=settings.adversary, lambda_=settings.lambda_
    )


def of_scans(subject: Any) -> str:
    """Why what stands before a server's segmenter does not suit a subject, empty for a pair and for networks of volumes."""
    if not isinstance(subject, nn.Module):
        return ""
    volumes = any(isinstance(module, nn.Conv3d) for module in subject.modules())
    return "" if volumes else "it is for scans that a server segments; the network has no 3D convolution"


def unmixed_scans(subject: Any) -> str:
    """Why scans cannot be deformed or encoded, empty where `of_scans` is and no client mixes them."""
    if isinstance(subject, PrivacyNetSettings) and subject.mixes:
        return "its client mixes scans with a reference, and an answer is unmixed alone"
    return of_scans(subject)


PRIVACY_NET = Defense(
    "privacy_net",
    "Privacy-Net",
    "The client sends codes, which serve a segmenter and should not show whose they are; Dice falls, and "
    "segmentations show anatomy all the same.",
    "sent",
    hide,
    "Kim et al. 2019",
    HidingSettings,
    unmixed_scans,
    ("latents", "codes"),
)
