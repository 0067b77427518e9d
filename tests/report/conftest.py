"""A finished run to report on: drawing takes seconds, so the tests that only read share one."""

import sys
from pathlib import Path

import pytest

# The tests import their helpers as tests.<room>.<module>, wherever pytest was started.
sys.path.insert(0, str(Path(__file__).parents[2]))


@pytest.fixture(scope="session")
def reported(tmp_path_factory) -> Path:
    """A run with reconstructions whose report, without images, has been made. Read only."""
    from tests.report.example import write_run

    from remnant.report.page import make_report

    run = write_run(tmp_path_factory.mktemp("reported") / "run", private=True)
    make_report(run)
    return run
