"""Benchmarks of membership inference, made small: cells that go on where they were stopped, and rows with what they promise."""

import importlib
import sys
from pathlib import Path

import pytest

from remnant.base.run import Run

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def benchmark(name, monkeypatch):
    """One of the scripts, which import their neighbours by bare names."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    monkeypatch.delitem(sys.modules, name, raising=False)
    return importlib.import_module(name)


def test_calibration_goes_on_where_it_was_stopped(tmp_path, monkeypatch):
    module = benchmark("membership_calibration", monkeypatch)
    monkeypatch.setattr(module, "SIZES", ((24, 4),))
    monkeypatch.setattr(module, "WORLDS", {"no leak": module.WORLDS["no leak"], **dict([[*module.WORLDS.items()][-1]])})
    monkeypatch.setattr(module, "LEAKS", (1.0,))
    monkeypatch.setattr(module, "PATIENTS", (24,))
    with Run.start(tmp_path / "run", "membership-calibration", {}, resume=False) as run:
        tables = module.tables_of(run, audits=2)
    assert {name: len(rows) for name, rows in tables.items()} == {
        "audits": 1,
        "exposure": 2,
        "fresh_people": 3,
        "own_thresholds": 6,
    }
    assert {row["world"] for row in tables["exposure"]} == {"no leak", "most exposed, heavy tails"}
    assert all(0 <= row[name] <= 1 for row in tables["exposure"] for name in row if name.endswith("covered"))
    monkeypatch.setattr(module, "_audit", lambda *given: pytest.fail("an audit was simulated again"))
    (tmp_path / "run" / "cells" / "fresh.json").unlink()
    with Run.start(tmp_path / "run", "membership-calibration", {}, resume=True) as run:
        assert module.tables_of(run, audits=2) == tables
