"""What the study calls its stored values, in its cells, too, which other processes work on."""

from pathlib import Path

from remnant.report.words import label
from remnant.studies.chapters import described_labels

CHAPTERS = Path(__file__).parent / "chapters.toml"
LABELS = described_labels(CHAPTERS)


def called(value: str) -> str:
    """The word for a stored value."""
    return LABELS.get(value, label(value))
