"""The settings of the study, and their presets."""

from pathlib import Path
from typing import Literal, Self

import pydantic

from remnant.attacks.checkpoint.audited import AUTHOR, GMI, JOINT, PER_CLASS, PIXELS, PUBLISHED
from remnant.attacks.checkpoint.methods import METHODS, MethodSettings
from remnant.attacks.checkpoint.oracles import CeilingSettings
from remnant.attacks.demographics import DemographicSettings
from remnant.base.config import Settings
from remnant.base.presets import preset_file
from remnant.studies.lee2025.targets import BY_DEFAULT, MEMORISING, MITIGATED, RECIPES, TARGETS
from remnant.targets.inputs import InputRange
from remnant.targets.recipes import ClassifierSettings, Recipe

Preset = Literal["smoke", "cpu", "paper"]
# The paper's first, then those of an audit, and the paper's with the rate and steps of its author's code. Each is held against
# the untuned prior and mostly against a search for images of a class, drawn by itself where that is no attack of the run.
ATTACKS = {attack.name: attack for attack in (PUBLISHED, JOINT, GMI, PIXELS, AUTHOR, PER_CLASS)}
ATTACK = PUBLISHED.name
MethodName = Literal[*ATTACKS]
# Run on every target that they suit: the paper's, the cheapest that sees what the paper's does not, and a search by class.
METHODS_OF_ALL = (PUBLISHED.name, JOINT.name, GMI.name)
MORE_METHODS = tuple(name for name in ATTACKS if name not in METHODS_OF_ALL)

# A field a defence, named as in the list.
DefenseSettings = pydantic.create_model(
    "DefenseSettings",
    __base__=Settings,
    **{name: (defense.settings, defense.settings()) for name, defense in MITIGATED.items()},
)


class StudySettings(Settings):
    """Everything that decides the study's numbers, beside the data and the prior.

    `side`: pixels of the images, which the prior must draw. `targets`: keys of `targets.TARGETS`. `more_methods` are run on
    `more_targets` alone. A private patient's image is positive when its findings hold `private_finding`; a public one when
    they hold `public_finding`, negative when they hold `public_negative`, and left out of the targets otherwise.
    `validation`: the share of a source's patients that watches the training of its targets. `defenses`: how strong each is
    where a target's recipe has it; `planted_epochs`: of the planted target, in place of its network's.

    `methods`: keys of `ATTACKS`. `ceiling`: the inversion of members' own images, which says what the prior could show at all.
    `population`: a table of people by age and sex, by default `stationary_population`; `site`: how many of them the hospital
    draws from. `demographics_validation`: the share of the attacker's patients on which the reader of age and sex is judged.
    """

    preset: Preset
    methods: tuple[MethodName, ...] = pydantic.Field(default=METHODS_OF_ALL, min_length=1)
    attack: MethodSettings = MethodSettings()
    ceiling: CeilingSettings = CeilingSettings()
    demographic: DemographicSettings = DemographicSettings()
    demographics_validation: float = pydantic.Field(default=0.25, gt=0, lt=1)
    population: Path | None = None
    site: float = pydantic.Field(default=100_000, ge=1)
    seed: int = 0
    side: int = pydantic.Field(default=64, ge=16, le=1024)
    targets: tuple[Literal[*TARGETS], ...] = pydantic.Field(default=BY_DEFAULT, min_length=1)
    more_methods: tuple[MethodName, ...] = MORE_METHODS
    more_targets: tuple[Literal[*TARGETS], ...] = ("cnn_overfit", "cnn_planted", "vit_overfit")
    private_finding: str = "COVID-19"
    public_finding: str = "Pneumonia"
    public_negative: str = "No Finding"
    validation: float = pydantic.Field(default=0.2, gt=0, lt=1)
    defenses: DefenseSettings = DefenseSettings()
    planted_epochs: int = pydantic.Field(default=1000, ge=1)
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
        """How a target is trained, before any defence."""
        own, recipe = getattr(self, TARGETS[target].network), TARGETS[target].recipe
        epochs = {"planted": self.planted_epochs, "untrained": 0}.get(recipe, own.epochs)
        return own.changed(epochs=epochs, memorise=recipe in MEMORISING)

    def recipe(self, target: str) -> Recipe:
        """The same with the defences of its recipe."""
        recipe = self.classifier(target).recipe
        for name in RECIPES[TARGETS[target].recipe]:
            recipe = MITIGATED[name].defend(recipe, getattr(self.defenses, name))
        return recipe

    def methods_on(self, target: str) -> tuple[str, ...]:
        """The attacks that are run on a target: those that suit its network; on a ViT, whose stage 1 takes several times as long,
        no other that has one; on one with swapped statistics, those that need them."""
        more = self.more_methods if target in self.more_targets and not TARGETS[target].swapped else ()
        asked = dict.fromkeys((*self.methods, *more))
        if TARGETS[target].swapped:
            return tuple(name for name in asked if METHODS[name].batch_norm)
        if TARGETS[target].network == "vit":
            return tuple(
                name
                for name in asked
                if not METHODS[name].batch_norm and (name in self.methods or not METHODS[name].tunes)
            )
        return tuple(asked)


def preset(name: str) -> StudySettings:
    """The study of a preset, a file in `presets`; raise `RemnantError` for one that there is not."""
    path = preset_file(__file__, name)
    return StudySettings.checked(preset=name).with_toml(path)
