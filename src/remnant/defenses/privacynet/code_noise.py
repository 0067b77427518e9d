"""Noise on codes: what a client sends is blurred, each time anew."""

import pydantic

from remnant.base.config import Settings
from remnant.defenses.defense import Defense
from remnant.defenses.privacynet.blurring import LARGEST_BLUR
from remnant.defenses.privacynet.hiding import of_scans
from remnant.defenses.privacynet.settings import PrivacyNetSettings


class CodeNoiseSettings(Settings):
    """`size`: standard deviation of the noise, of codes that lie in [0, 1]."""

    size: float = pydantic.Field(default=0.1, gt=0, le=LARGEST_BLUR)


def blur_codes(pair: PrivacyNetSettings, settings: CodeNoiseSettings) -> PrivacyNetSettings:
    """The pair whose client sends its codes, or the scans themselves where nothing encodes them, with noise of this size."""
    return pair.changed(noise=settings.size)


CODE_NOISE = Defense(
    "code_noise",
    "noise on codes",
    "What is sent leaves with noise that is drawn anew each time; Dice falls, and many codes of one scan average it "
    "away.",
    "sent",
    blur_codes,
    "Remnant",
    CodeNoiseSettings,
    of_scans,
    ("latents", "codes"),
)
