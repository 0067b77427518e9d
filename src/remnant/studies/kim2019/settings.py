"""The study's settings and its presets."""

from typing import Literal, Self

import pydantic

from remnant.attacks.adversaries import AdversarySettings
from remnant.attacks.people import PeopleSettings
from remnant.attacks.queries import QuerySettings
from remnant.attacks.redraw import RedrawSettings
from remnant.attacks.reidentify import ReidentifierSettings
from remnant.base.config import Settings
from remnant.base.errors import RemnantError
from remnant.cohort.prepare import PreparationSettings
from remnant.defenses.privacynet.settings import PrivacyNetSettings, Schedule, privacynet_preset
from remnant.engine.loop import FitSettings
from remnant.studies.kim2019.recipe import RecipeSettings
from remnant.studies.kim2019.variants import RAW, VARIANTS, Recipe


class AttackSettings(Settings):
    """Who attacks what the server sees, and on how much of it is measured.

    `adversaries` tell pairs apart, `redraw` is the inversion decoder, `people` reads age and sex. `looks`: how many codes of each
    of its own scans an attacker learns from where the client draws a secret for each. `negatives`: pairs of two patients for
    each pair of one, all where there are fewer. `displaced`: test patients whose redrawn scans are registered to
    each other's originals. `degraded`: test patients on whose first scan robustness is measured. `retraining`: of the segmenter
    on codes of a second cohort, `retraining_batch` patches a step. `queries`: how often each scan of `queried` patients of either
    role is sent, where the client keeps a secret.
    """

    adversaries: AdversarySettings = AdversarySettings()
    redraw: RedrawSettings = RedrawSettings()
    people: PeopleSettings = PeopleSettings()
    looks: int = pydantic.Field(default=3, ge=1)
    negatives: int = pydantic.Field(default=10, ge=1)
    displaced: int = pydantic.Field(default=6, ge=0)
    degraded: int = pydantic.Field(default=20, ge=1)
    retraining: Schedule = Schedule(steps=300, learning_rate=1e-3)
    retraining_batch: int = pydantic.Field(default=4, ge=1)
    queries: QuerySettings = QuerySettings()
    queried: int = pydantic.Field(default=12, ge=2)


class StudySettings(Settings):
    """Everything that decides the study's numbers, beside the data.

    `variants`: names of `VARIANTS`, the first of them `raw`, the control of all others. `net`: what the trainings share; each
    variant has its own lambda, adversary and method. `recipe`: the sizes of those that follow the paper's recipe instead, which
    have a control of their own, `kim2019-raw`. `seed` is the root of every random number.
    """

    preset: Literal["smoke", "cpu", "paper"]
    variants: tuple[Literal[*VARIANTS], ...] = pydantic.Field(default=tuple(VARIANTS), min_length=1)
    net: PrivacyNetSettings
    recipe: RecipeSettings = RecipeSettings()
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
        return self.net if recipe == "ours" else self.recipe.applied(self.net)

    def nets(self) -> dict[Recipe, PrivacyNetSettings]:
        """The same of every recipe that the variants follow."""
        recipes = dict.fromkeys(VARIANTS[name].recipe for name in self.variants)
        return {recipe: self.trained_by(recipe) for recipe in recipes}


def preset(name: str) -> StudySettings:
    """The settings of a preset; raise `RemnantError` for one that there is not.

    `smoke`: phantoms of 32^3 in seconds; `cpu`: 3 mm and small networks; `paper`: 1 mm and the authors' sizes, for a GPU.
    """
    if name == "cpu":
        return StudySettings(
            preset="cpu",
            net=privacynet_preset("cpu").changed(held_out=0.4),
            # Networks of the authors' widths, on patches of as nearly 64 mm as three poolings allow at 3 mm.
            recipe=RecipeSettings(patch=24, batch=2, pretraining_steps=3000, adversarial_steps=1500),
            # Whole volumes of 3 mm on a core: budgets by which no cell takes more than about 20 minutes.
            attack=AttackSettings(
                adversaries=AdversarySettings(
                    reidentifier=ReidentifierSettings(fit=FitSettings(epochs=8, learning_rate=1e-3, weight_decay=1e-2))
                ),
                redraw=RedrawSettings(fit=FitSettings(epochs=2, learning_rate=2e-3), replays=2),
                people=PeopleSettings(
                    mirrored=False, fit=FitSettings(epochs=20, learning_rate=1e-3, weight_decay=1e-2)
                ),
                queries=QuerySettings(queries=6),
            ),
        )
    if name == "paper":
        whole = ReidentifierSettings(trunk="resnet18", patch=64, batch=4, pairs=2000)
        return StudySettings(
            preset="paper",
            net=privacynet_preset("paper"),
            attack=AttackSettings(
                adversaries=AdversarySettings(trunks=("resnet18", "densenet121"), reidentifier=whole),
                redraw=RedrawSettings(widths=(16, 32, 64, 128), memory=40),
                people=PeopleSettings(trunk="resnet18", batch=2),
                retraining=Schedule(steps=5000),
            ),
        )
    if name == "smoke":
        once = FitSettings(epochs=1, learning_rate=1e-3)
        return StudySettings(
            preset="smoke",
            variants=(RAW, "published-1", "entropy-1", "deformation"),
            net=privacynet_preset("smoke").changed(
                # A whole volume is a patch: many windows would take the time.
                patch=32,
                held_out=0.34,
                pretraining=Schedule(steps=2, learning_rate=1e-3),
                adversarial=Schedule(steps=2, learning_rate=1e-3),
                preparation=PreparationSettings(spacing_mm=7, scheme="tissue5", bias_field="none"),
            ),
            recipe=RecipeSettings(
                encoder=(4, 4, 4, 8),
                segmenter=(4, 4, 4, 8),
                trunk="densenet_small",
                patch=32,
                batch=2,
                pretraining_steps=2,
                adversarial_steps=2,
            ),
            attack=AttackSettings(
                adversaries=AdversarySettings(
                    trunks=("resnet_small",), seeds=1, reidentifier=ReidentifierSettings(pairs=2, batch=2, fit=once)
                ),
                redraw=RedrawSettings(widths=(4, 8), fit=once, replays=0),
                people=PeopleSettings(fit=once, mirrored=False),
                looks=2,
                negatives=1,
                displaced=1,
                retraining_batch=1,
                queries=QuerySettings(queries=2, rounds=1),
                queried=2,
                degraded=1,
                retraining=Schedule(steps=2, learning_rate=1e-3),
            ),
        )
    raise RemnantError(f"The preset must be 'smoke', 'cpu' or 'paper'. Got {name!r} instead.")
