"""The tables of an invented audit, which take seconds."""

import sys
from pathlib import Path

import numpy as np
import pytest

from remnant.base.seeds import Seeds
from remnant.measure.anonymity import stationary_population
from remnant.studies.lee2025.tables import make_tables

# The tests import their helpers as tests.<room>.<module>, wherever pytest was started.
sys.path.insert(0, str(Path(__file__).parents[3]))


@pytest.fixture(scope="session")
def invented() -> dict:
    """What the cells of an audit of a few targets left: arguments of `make_tables`. Read only."""
    from tests.studies.lee2025.example import audit

    return audit(("cnn", "cnn_overfit", "cnn_planted", "cnn_untrained"))


@pytest.fixture(scope="session")
def tables(invented) -> dict:
    """Its tables, with a further method on the overfit target. Read only."""
    from tests.studies.lee2025.example import SOURCES, attacked

    groups = invented["groups"][SOURCES["cnn_overfit"]]
    stronger = attacked(np.random.default_rng(5), "cnn_overfit", "pixels", groups, 3.0)
    return make_tables(
        **(invented | {"attacked": [*invented["attacked"], stronger]}),
        population=stationary_population(),
        site=200_000,
        seeds=Seeds(0),
    )
