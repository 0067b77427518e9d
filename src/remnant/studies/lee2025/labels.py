"""What the study calls its stored values: by chapters.toml, and targets and recipes with a defence as the list calls that."""

from remnant.studies.chapters import described_labels
from remnant.studies.lee2025.sections import CHAPTERS
from remnant.studies.lee2025.targets import HELPERS

LABELS = (
    described_labels(CHAPTERS)
    | {target: f"CNN with {defense.words}" for target, defense in HELPERS.items()}
    | {defense.name: defense.words for defense in HELPERS.values()}
)
