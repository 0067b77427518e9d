"""The study's settings and its presets."""

from typing import Literal

import pydantic

from remnant.attacks.decoder import DECODERS
from remnant.attacks.default import DefaultSettings
from remnant.attacks.published import PublishedSettings
from remnant.base.config import Settings
from remnant.base.errors import RemnantError
from remnant.cohort.prepare import PreparationSettings
from remnant.engine.loop import FitSettings
from remnant.targets.segmenter import Architecture, SegmenterSettings

METRICS = ("ssim", "ncc", "mcc")
# A field a decoder, named as in `DECODERS`.
_DecoderSettings = pydantic.create_model(
    "_DecoderSettings",
    __base__=Settings,
    **{name: (decoder.settings, decoder.settings()) for name, decoder in DECODERS.items()},
)


class StudySettings(_DecoderSettings):
    """Everything that decides the study's numbers, beside the data.

    `design`: `three_groups` rotates members, attacker and non-members; `two_groups` is the paper's own, without
    non-members. `folds`: in how many groups the patients are dealt. Each decoder's own settings are in the field of its name.
    """

    preset: Literal["smoke", "demo", "cpu"]
    networks: tuple[Architecture, ...] = pydantic.Field(default=("unet", "segnet"), min_length=1)
    decoders: tuple[Literal[*DECODERS], ...] = pydantic.Field(default=("default", "published"), min_length=1)
    design: Literal["three_groups", "two_groups"] = "three_groups"
    folds: int = 4
    seed: int = 0
    preparation: PreparationSettings = PreparationSettings()
    segmenter: SegmenterSettings = SegmenterSettings()


def preset(name: str) -> StudySettings:
    """The settings of a preset.

    `smoke`: 32^3 phantoms in seconds; `demo`: 4 mm phantoms in minutes; `cpu`: real brains at 3 mm within the hour.
    """
    if name == "cpu":
        return StudySettings(preset="cpu")
    if name == "smoke":
        narrow = (4, 8, 16, 32)
        return StudySettings(
            preset="smoke",
            folds=3,
            preparation=PreparationSettings(spacing_mm=6.0, bias_field="none"),
            segmenter=SegmenterSettings(widths=narrow, fit=FitSettings(epochs=2, learning_rate=3e-3)),
            default=DefaultSettings(widths=narrow, fit=FitSettings(epochs=2, learning_rate=4e-3)),
            published=PublishedSettings(widths=narrow, fit=FitSettings(epochs=2, learning_rate=2e-3)),
        )
    if name == "demo":
        return StudySettings(
            preset="demo",
            folds=3,
            preparation=PreparationSettings(spacing_mm=4.0, bias_field="none"),
            segmenter=SegmenterSettings(fit=FitSettings(epochs=24, learning_rate=3e-3)),
            default=DefaultSettings(fit=FitSettings(epochs=32, learning_rate=4e-3)),
            published=PublishedSettings(fit=FitSettings(epochs=30, learning_rate=2e-3)),
        )
    raise RemnantError(f"The preset must be 'smoke', 'demo' or 'cpu'. Got {name!r} instead.")
