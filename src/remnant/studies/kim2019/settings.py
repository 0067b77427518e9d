"""The study's settings and its presets."""

from typing import Literal, Self

import pydantic

from remnant.attacks.code_attacks import CodeAttacks, code_attacks
from remnant.audit.findings.worth import WORTH, WorthSettings
from remnant.base.config import Settings
from remnant.base.presets import preset_file
from remnant.defenses.privacynet.settings import PrivacyNetSettings, privacynet_preset
from remnant.studies.kim2019.recipe import GameRecipe, RecipeSettings
from remnant.studies.kim2019.variants import RAW, STANDARD, VARIANTS, Recipe

STUDY = "kim2019"


class AttackSettings(CodeAttacks):
    """Who attacks what the server sees, and on how much is measured what the segmentation is `worth`."""

    worth: WorthSettings = WorthSettings()


class StudySettings(Settings):
    """Everything that decides the study's numbers, beside the data.

    `variants`: names of `VARIANTS`, the first of them `raw`, the control of all others. `net`: what the trainings share; each
    variant has its own lambda, adversary and method. `recipe`: the sizes of those that follow the paper's recipe instead, and
    `game`: in what those differ that play the game of ours; each recipe has a control of its own, as `kim2019-raw`. `seed` is the
    root of every random number.
    """

    preset: Literal["smoke", "cpu", "paper"]
    variants: tuple[Literal[*VARIANTS], ...] = pydantic.Field(default=STANDARD, min_length=1)
    net: PrivacyNetSettings
    recipe: RecipeSettings = RecipeSettings()
    game: GameRecipe = GameRecipe()
    attack: AttackSettings = AttackSettings()
    seed: int = 0

    @pydantic.model_validator(mode="after")
    def _with_its_control(self) -> Self:
        if self.variants[0] != RAW:
            raise ValueError(
                f"the variants must begin with '{RAW}', by which an adversary is known to be strong enough"
            )
        recipes = {VARIANTS[name].recipe for name in self.variants}
        controls = {VARIANTS[name].recipe: name for name in VARIANTS if VARIANTS[name].control}
        if missing := [controls[recipe] for recipe in recipes if controls[recipe] not in self.variants]:
            raise ValueError(
                f"the variants must hold '{missing[0]}', whose networks are trained by the same recipe on raw scans"
            )
        return self

    def trained_by(self, recipe: Recipe) -> PrivacyNetSettings:
        """What the trainings by a recipe share."""
        of_paper = self.recipe.applied(self.net)
        return {
            "ours": self.net,
            "kim2019": of_paper,
            "kim2019_batch": of_paper.changed(norm="batch"),
            "game": self.game.applied(self.net),
        }[recipe]

    def nets(self) -> dict[Recipe, PrivacyNetSettings]:
        """The same of every recipe that the variants follow."""
        recipes = dict.fromkeys(VARIANTS[name].recipe for name in self.variants)
        return {recipe: self.trained_by(recipe) for recipe in recipes}


def preset(name: str) -> StudySettings:
    """The settings of a preset, a file in `presets`, which changes Privacy-Net's preset of the name and those of the audit of
    codes; raise `RemnantError` for one that there is not."""
    path = preset_file(__file__, name)
    attack = AttackSettings(**dict(code_attacks(name)), worth=WORTH[name])
    return StudySettings.checked(preset=name, net=privacynet_preset(name), attack=attack).with_toml(path)
