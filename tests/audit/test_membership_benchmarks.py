"""Benchmarks of membership inference, made small: cells that go on where they were stopped, and rows with what they promise."""

import importlib
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from remnant.base.errors import RemnantError
from remnant.base.files import write_json
from remnant.base.run import Run
from remnant.cohort.images import Images
from remnant.cohort.phantoms import ChestPhantoms
from remnant.measure.swaps import dealt_halves
from remnant.targets.inputs import InputRange
from remnant.targets.recipes import ClassifierSettings

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


@pytest.fixture
def results(monkeypatch):
    """The script with three small trainings: of the study's finding, of the view, and of half of the patients."""
    module = benchmark("membership_results", monkeypatch)
    networks, tables = (importlib.import_module(name) for name in ("_leak_networks", "_leak_tables"))
    settings = ClassifierSettings(input_range=InputRange(24, channels=1), epochs=1, arguments={"width": 4})
    small = networks.Leaving(networks.VIEW, "nothing", settings, settings.recipe)
    trainings = {
        "cnn_overfit": replace(small, label=networks.FINDING),
        "view": small,
        "view, half of the patients": replace(small, patients=0.5, varies="number of patients"),
    }
    for one in (module, networks, tables):
        monkeypatch.setattr(one, "TRAININGS", trainings)
    monkeypatch.setattr(tables, "MORE_SWAPS", 4)
    monkeypatch.setattr(tables, "FEW_RESAMPLES", 40)
    return module


def phantoms(networks):
    """Forty patients, every second of whom has a second radiograph, and six others; the label is a large heart, or a coin."""
    source = ChestPhantoms(patients=46, sessions=2, side=24, seed=3)

    def taken(patients, session):
        scans = [source.scan(patient, session) for patient in patients]
        images = torch.stack([torch.as_tensor(np.asarray(scan.image), dtype=torch.float32) for scan in scans])
        return Images(images.reshape(-1, 1, 24, 24), None, tuple(f"p{patient}" for patient in patients))

    groups = range(40), range(0, 40, 2), range(40, 46)
    images = [taken(group, session) for group, session in zip(groups, (0, 1, 0), strict=True)]
    hearts = tuple(torch.tensor([int(source.patient(one).large_heart) for one in group]) for group in groups)
    coins = tuple(torch.tensor([one // 2 % 2 for one in group]) for group in groups)
    return networks.People(*images, {networks.FINDING: hearts, networks.VIEW: coins})


def test_results_are_made_of_every_network_once(tmp_path, results):
    networks = importlib.import_module("_leak_networks")
    asked = phantoms(networks)
    cells = networks.network_cells(asked)
    assert len({cell.name for cell in cells}) == len(cells) == 24
    with Run.start(tmp_path / "run", "membership-results", {}, resume=False) as run:
        write_json(run.path / "cells" / f"{cells[0].name}.json", cells[0].work(run, **cells[0].arguments))
    made = networks.answers_file(run, "cnn_overfit", 0)
    before = made.stat().st_mtime_ns
    with Run.start(tmp_path / "run", "membership-results", {}, resume=True) as run:
        tables = results.tables_of(run, asked)
    assert made.stat().st_mtime_ns == before
    write_json(tmp_path / "tables.json", tables)
    by_way = {(row["training"], row["attack"]): row for row in tables["targets"]}
    assert len(tables["targets"]) == len(by_way) == 6 and all(row["networks"] == 8 for row in by_way.values())
    assert by_way["view", "signed margin"]["patients"] == 40
    assert by_way["view, half of the patients", "signed margin"]["patients"] == 20
    # Halves of one swap share nobody, and of as many people are the same for every training.
    of = {name: networks.answers_of(run, name) for name in ("cnn_overfit", "view")}
    assert (of["view"][0].trained == ~of["view"][1].trained).all()
    assert all((one.trained == other.trained).all() for one, other in zip(*of.values(), strict=True))


def answered(networks, asked, leaks, right=0.0):
    """Answers of networks whose margins are `leaks` higher of an image that trained, and `right` of everybody, beside noise."""
    found = {}
    for name, training in networks.TRAININGS.items():
        own, _ = networks.candidates_of(training, asked)
        n, later = len(own), len(networks.later_of(own, asked))
        found[name] = []
        for number in range(8):
            deal = np.random.default_rng([n, number // 2])
            inside = dealt_halves(n, 1, deal)[:, number % 2]
            noise = np.random.default_rng([n, number, 1]).normal(right, 1, n + later + len(asked.others))
            first, further, others = np.split(noise, [n, n + later])
            found[name].append(networks.Answers(inside, first + leaks[name] * inside, further, others))
    return found


def test_results_say_what_a_training_leaves_and_how_useful_its_networks_are(results):
    networks, tables = (importlib.import_module(name) for name in ("_leak_networks", "_leak_tables"))
    asked = phantoms(networks)
    leaks = {"cnn_overfit": 0.0, "view": 2.0, "view, half of the patients": 4.0}
    found = answered(networks, asked, leaks)
    rows = {(row["training"], row["attack"]): row for row in tables.target_rows(found, asked)}
    base, half = (rows[name, "signed margin"] for name in ("view", "view, half of the patients"))
    assert base["p"] <= 0.05 < rows["cnn_overfit", "signed margin"]["p"] and 0.85 < base["auc"] < 1
    assert half["against"] == "view" and 0 < half["change_low"] < half["change"] and "change" not in base
    # Who answers by chance is not useful, whatever he was trained on; who answers rightly is.
    assert not base["useful"] and base["balanced"] < 0.6
    useful = tables.target_rows(answered(networks, asked, leaks, right=2.0), asked)
    assert all(row["useful"] and row["balanced"] > 0.9 for row in useful)
    persons = {row["training"]: row for row in tables.person_rows(found, asked)}
    assert {*persons} == {"cnn_overfit", "view"} and persons["view"]["patients"] == 20
    assert persons["view"]["images"] == 40 and persons["view"]["image_mean"] > 0.8
    assert persons["view"]["gap_low"] > 0 > persons["cnn_overfit"]["gap_low"]
    exposed = {(row["training"], row["what"]): row for row in tables.exposure_rows(found)}
    most = exposed["cnn_overfit", "most exposed"]
    assert most["seems"] > 0.8 and most["corrected_low"] < 0.5 < most["corrected_high"]
    assert exposed["view", "mean"]["corrected_low"] > 0.75


def test_results_take_in_what_lies_beside_them(tmp_path, results):
    with pytest.raises(RemnantError, match=r"peers.json is missing; make it by benchmarks/membership_peers.py"):
        results.beside(tmp_path)
    rows = [{"attack": "margin", "against": count} for count in (4, 8)]
    write_json(tmp_path / "peers.json", {"tables": {"peers": rows, "accuracy": []}})
    write_json(tmp_path / "calibration.json", {"tables": {"exposure": [{"world": "no leak"}]}})
    assert results.beside(tmp_path) == {"peers": rows[1:], "calibration": [{"world": "no leak"}]}
