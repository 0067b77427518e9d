"""The targets of the study: which network, trained by which recipe, on whose patients."""

from typing import Literal, NamedTuple

from remnant.studies.lee2025.groups import Source
from remnant.targets.recipes import RecipeName

Network = Literal["cnn", "vit"]


class Target(NamedTuple):
    """`network`: the field of `StudySettings` with its settings; `source`: whose patients train it and are held against it.

    `swapped`: the target whose weights it has, with the statistics of its non-members in place of its members'.
    """

    network: Network
    recipe: RecipeName
    source: Source
    swapped: str | None = None


# Targets that say whether the audit sees a leak that is there, and none that is not.
PLANTED, UNTRAINED = "cnn_planted", "cnn_untrained"
# Says whether an attack by stored statistics follows the statistics or the weights.
SWAPPED = "cnn_overfit_swapped"
CONTROLS = (PLANTED, UNTRAINED, SWAPPED)
OVERFIT = "cnn_overfit"
# Each mitigation alone: targets that are there to answer the question of what helps.
HELPERS = ("cnn_dropout", "cnn_augmentation", "cnn_early_stopping")
# Held against the overfit CNN: the regular recipe, which has all mitigations, and each of them alone.
MITIGATIONS = ("cnn", *HELPERS)
# The study's list of targets. Within one source no gap between sources can pass for a leak, or hide one.
TARGETS: dict[str, Target] = {
    "cnn": Target("cnn", "regular", "private"),
    OVERFIT: Target("cnn", "overfit", "private"),
    "vit": Target("vit", "regular", "private"),
    "vit_overfit": Target("vit", "overfit", "private"),
    "cnn_dropout": Target("cnn", "dropout", "private"),
    "cnn_augmentation": Target("cnn", "augmentation", "private"),
    "cnn_early_stopping": Target("cnn", "early_stopping", "private"),
    PLANTED: Target("cnn", "planted", "planted"),
    UNTRAINED: Target("cnn", "untrained", "private"),
    SWAPPED: Target("cnn", "overfit", "private", swapped=OVERFIT),
    "within_cnn": Target("cnn", "regular", "public"),
    "within_cnn_overfit": Target("cnn", "overfit", "public"),
}
