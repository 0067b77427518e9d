"""The settings of the study, and their presets."""

from collections.abc import Callable
from pathlib import Path
from typing import Literal, Self

import pydantic

from remnant.attacks.checkpoint.joint import JointSettings
from remnant.attacks.checkpoint.latent_search import GmiSettings
from remnant.attacks.checkpoint.likely import LikelySettings
from remnant.attacks.checkpoint.manifold import ManifoldSettings
from remnant.attacks.checkpoint.methods import METHODS, AttackSettings
from remnant.attacks.checkpoint.oracles import CeilingSettings
from remnant.attacks.checkpoint.pixels import PixelSettings
from remnant.attacks.demographics import DemographicSettings
from remnant.base.config import Settings
from remnant.base.errors import RemnantError
from remnant.engine.loop import FitSettings, Plateau
from remnant.studies.lee2025.targets import TARGETS
from remnant.targets.inputs import InputRange
from remnant.targets.recipes import ClassifierSettings

Preset = Literal["smoke", "cpu", "paper"]
MethodName = Literal[*METHODS]
# The search for images of a class uses the weights alone: what it reaches is no matter of stored statistics. An attack is
# flagged only where it beats both that were run.
CONTROL, CLASSES = RIVALS = ("prior", "gmi")
# Run on every target that they suit: the paper's, the cheapest that sees what the paper's does not, and the controls.
METHODS_OF_ALL = ("published", "joint", CLASSES, CONTROL)
MORE_METHODS = tuple(name for name in METHODS if name not in METHODS_OF_ALL)


class AuditSettings(Settings):
    """What an attack on a checkpoint needs to know, whoever trained the target.

    `methods`: keys of `METHODS`, with the control `prior`, which every other is held against; by default such as suit the
    target. `ceiling`: the inversion of members' own images, which says what the prior could show at all. `crop`: the share of
    each side, around the middle, that similarities are also taken of. `population`: a table of people by age and sex, by
    default `stationary_population`; `site`: how many of them the hospital draws from. `demographics_validation`: the share of
    the attacker's patients on which the reader of age and sex is judged.
    """

    preset: Preset
    methods: tuple[MethodName, ...] = METHODS_OF_ALL
    attack: AttackSettings = AttackSettings()
    ceiling: CeilingSettings = CeilingSettings()
    demographic: DemographicSettings = DemographicSettings()
    demographics_validation: float = pydantic.Field(default=0.25, gt=0, lt=1)
    crop: float = pydantic.Field(default=0.8, gt=0, le=1)
    population: Path | None = None
    site: float = pydantic.Field(default=100_000, ge=1)
    seed: int = 0

    @pydantic.field_validator("methods")
    @classmethod
    def _has_its_control(cls, methods: tuple[str, ...]) -> tuple[str, ...]:
        if CONTROL not in methods or len(methods) < 2:
            raise ValueError("the methods must be the control 'prior' and at least one attack")
        return methods


class StudySettings(AuditSettings):
    """Everything that decides the study's numbers, beside the data and the prior.

    `side`: pixels of the images, which the prior must draw. `targets`: keys of `targets.TARGETS`. `more_methods` are run on
    `more_targets` alone. A private patient's image is positive when its findings hold `private_finding`; a public one when
    they hold `public_finding`, negative when they hold `public_negative`, and left out of the targets otherwise.
    `validation`: the share of a source's patients that watches the training of its targets.
    """

    side: int = pydantic.Field(default=64, ge=16, le=1024)
    targets: tuple[Literal[*TARGETS], ...] = pydantic.Field(default=tuple(TARGETS), min_length=1)
    more_methods: tuple[MethodName, ...] = MORE_METHODS
    more_targets: tuple[Literal[*TARGETS], ...] = ("cnn_overfit", "cnn_planted", "vit_overfit")
    private_finding: str = "COVID-19"
    public_finding: str = "Pneumonia"
    public_negative: str = "No Finding"
    validation: float = pydantic.Field(default=0.2, gt=0, lt=1)
    cnn: ClassifierSettings = ClassifierSettings()
    vit: ClassifierSettings = ClassifierSettings(network="vit_b_16", input_range=InputRange(224))

    @pydantic.field_validator("targets")
    @classmethod
    def _has_the_weights(cls, targets: tuple[str, ...]) -> tuple[str, ...]:
        for target in targets:
            if (swapped := TARGETS[target].swapped) and swapped not in targets:
                raise ValueError(f"{target} has the weights of {swapped}, which must be among the targets too")
        return targets

    @pydantic.model_validator(mode="after")
    def _pixels_lie_on_the_grid(self) -> Self:
        if self.attack.pixels.side != self.side:
            raise ValueError(
                f"attack.pixels.side is {self.attack.pixels.side} and must be the study's side, {self.side}"
            )
        return self

    def classifier(self, target: str) -> ClassifierSettings:
        """How a target is trained."""
        chosen = TARGETS[target]
        return getattr(self, chosen.network).changed(recipe=chosen.recipe)

    def methods_on(self, target: str) -> tuple[str, ...]:
        """The methods that are run on a target: those that suit its network; on a ViT, whose stage 1 takes several times as long,
        no other that has one; on one with swapped statistics, those by statistics without stage 1, and the controls."""
        if TARGETS[target].swapped:
            return tuple(name for name in self.methods if METHODS[name].batch_norm or name in RIVALS)
        more = self.more_methods if target in self.more_targets else ()
        if TARGETS[target].network == "vit":
            more = (name for name in more if METHODS[name].tune is METHODS[CONTROL].tune)
            return tuple(name for name in dict.fromkeys((*self.methods, *more)) if not METHODS[name].batch_norm)
        return tuple(dict.fromkeys((*self.methods, *more)))


# One of each kind, as far as a minute allows.
SMOKE_TARGETS = (
    "cnn",
    "cnn_overfit",
    "vit",
    "vit_overfit",
    "cnn_early_stopping",
    "cnn_planted",
    "cnn_untrained",
    "cnn_overfit_swapped",
    "within_cnn",
)
SMALL_VIT = {"image_size": 64, "patch": 8, "blocks": 6, "width": 192, "heads": 3, "mlp": 768}


def _smoke_attack() -> AttackSettings:
    return AttackSettings(
        candidates=24,
        manifold=ManifoldSettings(steps=3, learning_rate=1e-3, batch=4, strip=2),
        author=ManifoldSettings(steps=2, batch=4, strip=2),
        likely=LikelySettings(q=0.25),
        pixels=PixelSettings(images=4, side=32, batch=4, steps=2),
        gmi=GmiSettings(images=4, steps=2),
        joint=JointSettings(sets=(4,), steps=2),
    )


def _smoke_demographic() -> DemographicSettings:
    fit = FitSettings(epochs=2, learning_rate=1e-3, weight_decay=1e-2)
    return DemographicSettings(input_range=InputRange(32, channels=1), fit=fit)


def _cpu_attack() -> AttackSettings:
    # So long that a cell stays within 20 minutes of a core, and the study within 100 of two.
    return AttackSettings(
        # On targets of the attacker's own patients: the overfit CNN's members gain more than strangers in 71% of pairs, where at
        # 1e-4, which levels off after 313 steps, they did in 57%.
        manifold=ManifoldSettings(
            steps=4500, learning_rate=1e-3, warm_up=200, cool_down=0.25, plateau=Plateau(window=100, span=300)
        ),
        pixels=PixelSettings(steps=250),
        gmi=GmiSettings(images=100),
        joint=JointSettings(sets=(8, 16), steps=250),
    )


def _smoke() -> StudySettings:
    # Few steps, but enough that running statistics have forgotten where they began.
    cnn = ClassifierSettings(
        arguments={"width": 16},
        input_range=InputRange(32),
        epochs=60,
        planted_epochs=60,
        learning_rate=2e-3,
        patience=3,
    )
    vit = {"image_size": 32, "patch": 8, "blocks": 2, "width": 32, "heads": 2, "mlp": 64}
    return StudySettings(
        preset="smoke",
        side=32,
        targets=SMOKE_TARGETS,
        more_targets=("cnn_overfit", "vit_overfit"),
        private_finding="Cardiomegaly",
        public_finding="Cardiomegaly",
        attack=_smoke_attack(),
        ceiling=CeilingSettings(images=4, starts=16, steps=3),
        demographic=_smoke_demographic(),
        cnn=cnn,
        vit=cnn.changed(network="vit", arguments=vit, learning_rate=3e-3),
    )


def _cpu() -> StudySettings:
    return StudySettings(
        preset="cpu",
        attack=_cpu_attack(),
        vit=ClassifierSettings(network="vit", arguments=SMALL_VIT, epochs=100, learning_rate=5e-4),
    )


def _paper() -> StudySettings:
    return StudySettings(
        preset="paper",
        side=256,
        attack=AttackSettings(pixels=PixelSettings(side=256)),
        # Here the published attack is as the author ran it.
        more_methods=tuple(name for name in MORE_METHODS if name != "author"),
        demographic=DemographicSettings(input_range=InputRange(224, channels=1)),
        cnn=ClassifierSettings(input_range=InputRange(224)),
        vit=ClassifierSettings(network="vit_b_16", input_range=InputRange(224), learning_rate=1e-4),
    )


PRESETS: dict[str, Callable[[], StudySettings]] = {"smoke": _smoke, "cpu": _cpu, "paper": _paper}


def preset(name: str) -> StudySettings:
    """The study of a preset; raise `RemnantError` for one that there is not.

    `smoke`: phantom chests of 32 pixels, under a minute; `cpu`: 64 pixels, ResNet18 in full width and a small ViT; `paper`: 224
    pixels, `resnet18` and `vit_b_16`, 2,500 steps of stage 1 at 1e-5, for a GPU.
    """
    if name not in PRESETS:
        raise RemnantError(f"The preset must be one of {', '.join(PRESETS)}. Got '{name}' instead.")
    return PRESETS[name]()
