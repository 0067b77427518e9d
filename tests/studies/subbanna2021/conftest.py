"""What tests of the study share."""

import pytest

from remnant.report.words import labelled
from remnant.studies.chapters import described_labels
from remnant.studies.subbanna2021.experiments import CHAPTERS


@pytest.fixture(autouse=True)
def words():
    """As in a run, whatever is said is within the words of the study."""
    with labelled(described_labels(CHAPTERS)):
        yield
