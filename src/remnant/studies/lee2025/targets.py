"""The targets of the study: which network, trained by which recipe, on whose patients."""

from typing import Literal, NamedTuple

from remnant.defenses.defense import Defense
from remnant.defenses.registry import DEFENSES
from remnant.studies.lee2025.groups import Source
from remnant.targets.recipes import ClassifierSettings

Network = Literal["cnn", "vit"]
PLANTED_IMAGES = 8  # of the planted positive control


def _suits(defense: Defense) -> bool:
    """Whether a defence changes the training of a classifier, and leaves it BatchNorm, whose statistics guide the attacks."""
    plain = ClassifierSettings().recipe
    if defense.kind != "training" or defense.applies(plain):
        return False
    return defense.defend(plain).arguments.get("norm", "batch") == "batch"


# Each is held against the overfit CNN by itself.
MITIGATED: dict[str, Defense] = {defense.name: defense for defense in DEFENSES if _suits(defense)}
# By which defences a target is trained; those that must memorise their images by none. What is trained to overfit but for one
# defence may fail to memorise, which is the point.
RECIPES: dict[str, tuple[str, ...]] = {
    "regular": ("weight_decay", "augmentation", "early_stopping"),
    "overfit": (),
    **{name: (name,) for name in MITIGATED},
    "planted": (),
    "untrained": (),
}
MEMORISING = ("overfit", "planted")


class Target(NamedTuple):
    """`network`: the field of `StudySettings` with its settings; `recipe`: a key of `RECIPES`; `source`: whose patients train it
    and are held against it.

    `swapped`: the target whose weights it has, with the statistics of its non-members in place of its members'.
    """

    network: Network
    recipe: str
    source: Source
    swapped: str | None = None


# Targets that say whether the audit sees a leak that is there, and none that is not.
PLANTED, UNTRAINED = "cnn_planted", "cnn_untrained"
# Says whether an attack by stored statistics follows the statistics or the weights.
SWAPPED = "cnn_overfit_swapped"
CONTROLS = (PLANTED, UNTRAINED, SWAPPED)
OVERFIT = "cnn_overfit"
# Each mitigation alone, by its target: they are there to answer the question of what helps.
HELPERS = {f"cnn_{name}": defense for name, defense in MITIGATED.items()}
# Held against the overfit CNN: the regular recipe, which has all mitigations, and each of them alone.
MITIGATIONS = ("cnn", *HELPERS)
# Those that the paper asks about; of the others only who names them has a target.
ASKED = ("cnn_dropout", "cnn_augmentation", "cnn_early_stopping")
# The study's list of targets. Within one source no gap between sources can pass for a leak, or hide one.
TARGETS: dict[str, Target] = {
    "cnn": Target("cnn", "regular", "private"),
    OVERFIT: Target("cnn", "overfit", "private"),
    "vit": Target("vit", "regular", "private"),
    "vit_overfit": Target("vit", "overfit", "private"),
    **{f"cnn_{name}": Target("cnn", name, "private") for name in MITIGATED},
    PLANTED: Target("cnn", "planted", "planted"),
    UNTRAINED: Target("cnn", "untrained", "private"),
    SWAPPED: Target("cnn", "overfit", "private", swapped=OVERFIT),
    "within_cnn": Target("cnn", "regular", "public"),
    "within_cnn_overfit": Target("cnn", "overfit", "public"),
}
BY_DEFAULT = tuple(name for name in TARGETS if name not in HELPERS or name in ASKED)
