"""The targets of the study: which network, trained by which recipe, on whose patients."""

from typing import Literal, NamedTuple

from remnant.studies.lee2025.kept import Source
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
# What the cell of a target tells of it, a row of the table `targets`.
COLUMNS = (
    "network",
    "recipe",
    "source",
    "patients",
    "images",
    "epochs",
    "kept_epoch",
    "train_accuracy",
    "accuracy",
    "balanced",
    "balanced_low",
    "balanced_high",
    "auc",
    "auc_low",
    "auc_high",
    "majority",
)
# The study's list of targets. Within one source no gap between sources can pass for a leak, or hide one.
TARGETS: dict[str, Target] = {
    "cnn": Target("cnn", "regular", "private"),
    "cnn_overfit": Target("cnn", "overfit", "private"),
    "vit": Target("vit", "regular", "private"),
    "vit_overfit": Target("vit", "overfit", "private"),
    "cnn_dropout": Target("cnn", "dropout", "private"),
    "cnn_augmentation": Target("cnn", "augmentation", "private"),
    "cnn_early_stopping": Target("cnn", "early_stopping", "private"),
    "cnn_planted": Target("cnn", "planted", "planted"),
    "cnn_untrained": Target("cnn", "untrained", "private"),
    SWAPPED: Target("cnn", "overfit", "private", swapped="cnn_overfit"),
    "within_cnn": Target("cnn", "regular", "public"),
    "within_cnn_overfit": Target("cnn", "overfit", "public"),
}
