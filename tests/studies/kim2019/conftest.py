"""The tables of an invented study, which take seconds; networks that nobody trained, as a run of training leaves them."""

import sys
from pathlib import Path

import pytest

from remnant.measure.verification import verification
from remnant.report.words import labelled
from remnant.studies.chapters import described_labels
from remnant.studies.kim2019.sections import CHAPTERS

# The tests import their helpers as tests.<room>.<module>, wherever pytest was started.
sys.path.insert(0, str(Path(__file__).parents[3]))


@pytest.fixture(scope="session")
def invented() -> dict:
    """What the cells of a study of five variants left: arguments of `make_tables`. Read only."""
    from tests.studies.kim2019.example import study

    return study()


@pytest.fixture(scope="session")
def made() -> tuple[list, dict]:
    """Its findings and tables. Read only."""
    from tests.studies.kim2019 import example

    return example.made()


@pytest.fixture(scope="session")
def tables(made) -> dict:
    """Its tables. Read only."""
    return made[1]


@pytest.fixture
def few_draws(monkeypatch):
    """Intervals of pairs are of a tenth of the draws: for tests that look at where a number stands, and at what is far from any
    level."""
    monkeypatch.setattr(verification, "__defaults__", (0.95, 200))


@pytest.fixture(autouse=True)
def words():
    """As in a run, whatever is said is within the words of the study."""
    with labelled(described_labels(CHAPTERS)):
        yield
