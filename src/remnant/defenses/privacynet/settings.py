"""How Privacy-Net is built and trained, at the paper's size and at small ones."""

from typing import Literal, Self

import pydantic

from remnant.base.config import Settings
from remnant.base.presets import preset_file
from remnant.cohort.prepare.volumes import PreparationSettings
from remnant.cohort.revisit import RevisitSettings
from remnant.defenses.privacynet.blurring import LARGEST_BLUR
from remnant.defenses.privacynet.mixing import MixingSettings
from remnant.defenses.privacynet.secret import SecretSettings
from remnant.nets.siamese import Head, Norm

Adversary = Literal["published", "entropy", "inversion", "confusion"]
Method = Literal["encoder", "deformation", "both", "mixing", "none"]
Segmentation = Literal["published", "every_class"]
Order = Literal["discriminator_first", "encoder_first"]


class Schedule(Settings):
    """So many `steps` of Adam at a constant `learning_rate`."""

    steps: int = pydantic.Field(ge=1)
    learning_rate: float = pydantic.Field(default=1e-4, gt=0)


class GameSettings(Settings):
    """How the encoder and its discriminators play, beyond Kim 2019; by default as there.

    `own_batch`: discriminators learn from other pairs than those that the encoder was just moved by, of which it makes codes
    once it has moved. `gradient_ratio`: lambda weighs gradients in place of losses: at the codes that of hiding is lambda times
    as long as that of segmenting. `ramp`: steps over which lambda rises from 0. `penalty`: gamma of R1, the gradient penalty of
    discriminators (Mescheder 2018). `discriminators`: so many, and the encoder plays against their mean. `renewal`: every so
    many steps one of them begins anew, each in turn but the first, which plays from beginning to end; 0 for never. `finishing`:
    steps of the segmenter alone at the end, the encoder frozen.
    """

    own_batch: bool = False
    gradient_ratio: bool = False
    ramp: int = pydantic.Field(default=0, ge=0)
    penalty: float = pydantic.Field(default=0.0, ge=0)
    discriminators: int = pydantic.Field(default=1, ge=1)
    renewal: int = pydantic.Field(default=0, ge=0)
    finishing: int = pydantic.Field(default=0, ge=0)

    @pydantic.model_validator(mode="after")
    def _who_is_renewed(self) -> Self:
        if self.renewal and self.discriminators < 2:
            raise ValueError("the renewal needs at least 2 discriminators, since the first is never renewed")
        return self


class PrivacyNetSettings(Settings):
    """Everything that decides a Privacy-Net, beside the data.

    `method`: what hides a patient: "encoder", the network of Kim 2019; "deformation", a `secret` that stays at the client and
    no network; "both", the code of a deformed scan; "mixing", a reference that stays at the client, by the law `mixing`, and no
    network; "none", nothing, what the others are held against. `noise` on what is sent, which lies in [0, 1]: its standard
    deviation. `segmentation`: the loss of the segmenter, the paper's or one in which every class counts alike. `order`: who
    moves first in a step, the encoder with the segmenter in the paper. `lambda_`: the paper's lambda, the weight of hiding
    against segmenting. `adversary`: what the encoder gains by it: "published", the loss of the discriminator; "entropy", its
    indecision, which has a bound; "inversion", its indecision and the failure of a decoder that redraws the scan; "confusion",
    its indecision by a loss whose gradient does not vanish where the discriminator is sure. `game`: how they play. `encoder`,
    `segmenter` and `decoder` are the widths of U-Nets, `trunk`, `head` and `norm` of the Siamese discriminator. `patch`: voxels
    a side of what the networks see at a time; `batch`: pairs a step, half of one patient. `held_out`: the share of patients
    whom no network is trained on. `revisits`: how two visits of each scan are simulated, for cohorts of one session each; None
    where there are real ones.
    """

    method: Method = "encoder"
    secret: SecretSettings = SecretSettings()
    mixing: MixingSettings = MixingSettings()
    noise: float = pydantic.Field(default=0.0, ge=0, le=LARGEST_BLUR)
    segmentation: Segmentation = "published"
    order: Order = "discriminator_first"
    lambda_: float = pydantic.Field(default=1.0, ge=0)
    adversary: Adversary = "published"
    game: GameSettings = GameSettings()
    encoder: tuple[pydantic.PositiveInt, ...] = (16, 32, 64, 128)
    segmenter: tuple[pydantic.PositiveInt, ...] = (32, 64, 128, 256)
    decoder: tuple[pydantic.PositiveInt, ...] = (16, 32, 64, 128)
    trunk: str = "densenet121"
    head: Head = "published"
    norm: Norm = "group"
    patch: int = pydantic.Field(default=64, ge=8)
    batch: int = pydantic.Field(default=4, ge=2, multiple_of=2)
    pretraining: Schedule
    adversarial: Schedule
    held_out: float = pydantic.Field(default=0.25, gt=0, lt=1)
    revisits: RevisitSettings | None = None
    preparation: PreparationSettings = PreparationSettings(scheme="tissue5")
    seed: int = 0

    @pydantic.model_validator(mode="after")
    def _who_moves_first(self) -> Self:
        if self.game.own_batch and self.order != "encoder_first":
            raise ValueError(
                "the setting game.own_batch needs the order 'encoder_first', since its codes are made once the encoder has moved"
            )
        return self

    @property
    def parts(self) -> dict[str, int]:
        """The steps of each part of the training, in order."""
        finishing = {"finishing": self.game.finishing} if self.game.finishing else {}
        return {"pretraining": self.pretraining.steps, "adversarial": self.adversarial.steps, **finishing}

    @property
    def encodes(self) -> bool:
        """Whether a network makes what is sent."""
        return self.method in ("encoder", "both")

    @property
    def mixes(self) -> bool:
        """Whether scans are mixed with a reference."""
        return self.method == "mixing"

    @property
    def drawn(self) -> SecretSettings | None:
        """The law of the client's deformations, None for a method without any."""
        return self.secret if self.method in ("deformation", "both") else None


def privacynet_preset(name: str) -> PrivacyNetSettings:
    """The settings of a preset, a file in `presets`; raise `RemnantError` for one that there is not."""
    return PrivacyNetSettings.of_toml(preset_file(__file__, name))
