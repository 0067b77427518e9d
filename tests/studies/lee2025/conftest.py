"""The tables and findings of an invented study, which take seconds."""

import sys
from pathlib import Path

import pytest

from remnant.report.words import labelled
from remnant.studies.judged import judged_tables
from remnant.studies.lee2025.sections import LABELS

# The tests import their helpers as tests.<room>.<module>, wherever pytest was started.
sys.path.insert(0, str(Path(__file__).parents[3]))


@pytest.fixture(scope="session")
def exposure():
    """What was found on a CNN, on one that was trained to overfit and leaks, and on two controls. Read only."""
    from tests.studies.lee2025 import example

    return example.exposure()


@pytest.fixture(scope="session")
def tables(exposure) -> dict:
    """The tables of such a study. Read only."""
    from tests.studies.lee2025 import example

    targets = ("cnn", "cnn_overfit", "cnn_planted", "cnn_untrained")
    return example.tables(targets) | judged_tables(exposure.findings, exposure.told_controls)


@pytest.fixture(autouse=True)
def words():
    """As in a run, whatever is said is within the words of the study."""
    with labelled(LABELS):
        yield
