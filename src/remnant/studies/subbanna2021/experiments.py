"""The study's list of experiments: which attack on which target. A new one is a line here and its words."""

from dataclasses import dataclass
from pathlib import Path

from remnant.attacks.alignment import Alignment
from remnant.attacks.decoder import DECODERS
from remnant.report.words import label
from remnant.studies.chapters import described_labels

CHAPTERS = Path(__file__).parent / "chapters.toml"
# What the study calls its stored values, in its cells, too, which other processes work on.
LABELS = described_labels(CHAPTERS)


def called(value: str) -> str:
    """The word for a stored value."""
    return LABELS.get(value, label(value))


@dataclass(frozen=True)
class Target:
    """A kind of segmenter that the study trains in every fold.

    `settings`: the field of `StudySettings` with its recipe; `group`: whose first scans train it; `classes`: the label
    classes it learns, None for all; `stripped`: whether it sees brains cut out of their heads; `few`: whether only
    `StudySettings.few` patients of each group take part, those who train it and as many others.
    """

    settings: str = "segmenter"
    group: str = "member"
    classes: tuple[str, ...] | None = None
    stripped: bool = False
    few: bool = False


@dataclass(frozen=True)
class Experiment:
    """One attack on one kind of target.

    `words` say what it is; `decoder`: a key of `attacks.decoder.DECODERS`; `target`: a key of `TARGETS`; `encoder`: the
    kind of segmenter on whose encoder the attacker trains, where that is not the target's; `alignment`: how it then takes the
    target's latents into the space of its own; `trained_by`: the experiment whose decoder it uses, none being trained.
    """

    words: str
    decoder: str = "default"
    target: str = "standard"
    encoder: str | None = None
    alignment: Alignment = "none"
    trained_by: str | None = None


TARGETS = {
    "standard": Target(),
    "surrogate": Target(settings="surrogate", group="attacker"),
    "deep_grey": Target(classes=("deep_grey",)),
    "overfit": Target(settings="overfit", few=True),
    "stripped": Target(stripped=True),
}

EXPERIMENTS = {
    **{name: Experiment(decoder.words, name) for name, decoder in DECODERS.items()},
    "surrogate": Experiment(
        "ours without the target's encoder: trained on the latents of an encoder that the attacker trained on its own "
        "patients, then fed the target's latents (the paper's closing experiment)",
        encoder="surrogate",
    ),
    "aligned": Experiment(
        "the same, after the target's latents were taken into the attacker's latent space by ridge regression between the mean "
        "latents of each place, for which no pair of latents is needed",
        encoder="surrogate",
        alignment="ridge",
        trained_by="surrogate",
    ),
    "deep_grey": Experiment("ours against a target that segments deep grey matter alone", target="deep_grey"),
    "overfit": Experiment(
        "ours against a target trained on few patients for far too long, the positive control of the leak",
        target="overfit",
    ),
    "stripped": Experiment("ours against a target of the same scans with the skull removed", target="stripped"),
}


# Those whose numbers the paper's tables hold, and on which all of its measures are taken.
PAPER = ("default", "published")
# The experiment, and its target, that was made to leak: what it shows accuses no other target.
OVERFIT = "overfit"


def target_name(network: str, target: str) -> str:
    """What a kind of target is called in tables."""
    return network if target == "standard" else f"{network}-{target}"


def subject_name(network: str, fold: int, target: str) -> str:
    """What one trained target is called in findings."""
    return f"{called(target_name(network, target))}, fold {fold}"


def target_of(subject: str) -> str:
    """The kind of target, in words, that a finding is on."""
    return subject.partition(", fold ")[0]


def trained_name(network: str, fold: int, target: str) -> str:
    """What one trained target is called in files and cells."""
    return f"{network}-fold{fold}" + ("" if target == "standard" else f"-{target}")


def target_cell_name(network: str, fold: int, target: str) -> str:
    """The cell that trains this target."""
    return f"segmenter-{trained_name(network, fold, target)}"


def checkpoint_name(network: str, fold: int, target: str) -> str:
    """The file of its weights."""
    return f"{trained_name(network, fold, target)}.safetensors"


def membership_cell_name(network: str, fold: int, target: str) -> str:
    """The cell that asks it about everybody."""
    return f"membership-{trained_name(network, fold, target)}"


def attack_cell_name(network: str, fold: int, experiment: str) -> str:
    """The cell of one experiment on one fold's target."""
    return f"attack-{network}-fold{fold}-{experiment}"
