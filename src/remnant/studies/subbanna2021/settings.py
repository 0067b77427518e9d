"""The study's settings and its presets."""

from typing import Literal, Self

import pydantic

from remnant.attacks.decoder import DECODERS
from remnant.attacks.recovery import RecoverySettings
from remnant.base.config import Settings
from remnant.base.presets import preset_file
from remnant.cohort.prepare.volumes import PreparationSettings
from remnant.engine.loop import FitSettings
from remnant.measure.similarity import MATRICES
from remnant.studies.subbanna2021.experiments import EXPERIMENTS, TARGETS
from remnant.targets.segmenter import Architecture, SegmenterSettings

# A field a decoder, named as in `DECODERS`.
_DecoderSettings = pydantic.create_model(
    "_DecoderSettings",
    __base__=Settings,
    **{name: (decoder.settings, decoder.settings()) for name, decoder in DECODERS.items()},
)


class StudySettings(_DecoderSettings):
    """Everything that decides the study's numbers, beside the data.

    `experiments`: keys of `experiments.EXPERIMENTS`, the first of them the one that others are held against; decoders run
    on every network, other attackers and targets on `contrast_networks` alone. `deformation`: measure the deformation field too,
    in the paper's own experiments. `damage`: how each metric answers to damaged images. `latents`: `recovered` also searches
    latents that nobody handed over, by the settings of `recovery`.

    `design`: `three_groups` rotates members, attacker and non-members over `folds` groups; `two_groups` is the paper's own,
    without non-members; `swap` has two folds of three groups of `group` patients, everybody else being in the gallery alone.
    `few`: on how many patients at most the target that is trained too long is trained. `skull`: whether scans hold more than
    the brain, which is then also scored apart from the rest. Each decoder's own settings are in the field of its name.
    """

    preset: Literal["smoke", "demo", "cpu", "paper"]
    networks: tuple[Architecture, ...] = pydantic.Field(default=("unet", "segnet"), min_length=1)
    experiments: tuple[Literal[*EXPERIMENTS], ...] = pydantic.Field(default=("default", "published"), min_length=1)
    metrics: tuple[Literal[*MATRICES, "dice"], ...] = pydantic.Field(
        default=("ssim", "ms_ssim", "ncc", "mcc", "dice"), min_length=1
    )
    deformation: bool = False
    damage: bool = False
    latents: Literal["given", "recovered"] = "given"
    recovery: RecoverySettings = RecoverySettings(images=8, steps=40)
    contrast_networks: tuple[Architecture, ...] = ("unet", "segnet")
    design: Literal["three_groups", "two_groups", "swap"] = "three_groups"
    folds: int = 4
    group: int = 24
    few: int = pydantic.Field(default=12, ge=2)
    skull: bool = False
    seed: int = 0
    preparation: PreparationSettings = PreparationSettings()
    segmenter: SegmenterSettings = SegmenterSettings()
    surrogate: SegmenterSettings = SegmenterSettings(fit=FitSettings(epochs=30, learning_rate=3e-3))
    overfit: SegmenterSettings = SegmenterSettings(fit=FitSettings(epochs=600, learning_rate=3e-3, weight_decay=0.0))

    @pydantic.model_validator(mode="after")
    def _has_what_experiments_need(self) -> Self:
        for name in self.experiments:
            needed = EXPERIMENTS[name].trained_by
            if needed and needed not in self.experiments:
                raise ValueError(
                    f"the experiment {name} uses the decoder of {needed}, which must be among the experiments"
                )
            if TARGETS[EXPERIMENTS[name].target].stripped and not self.skull:
                raise ValueError(f"the experiment {name} is for scans with the skull; set skull to true")
        return self

    def on(self, network: str) -> tuple[str, ...]:
        """The experiments that are run on a network."""
        here = network in self.contrast_networks
        return tuple(name for name in self.experiments if here or name in DECODERS)

    def few_of(self, target: str) -> int | None:
        """How many patients at most train a kind of target, None for all of their group."""
        return self.few if TARGETS[target].few else None

    @property
    def dealt(self) -> int:
        """How many folds there are."""
        return 2 if self.design == "swap" else self.folds


def preset(name: str) -> StudySettings:
    """The settings of a preset, a file in `presets`; raise `RemnantError` for one that there is not."""
    path = preset_file(__file__, name)
    return StudySettings.checked(preset=name).with_toml(path)
