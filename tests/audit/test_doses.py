"""Doses of training: half of one, and three times one, of a function that nobody here wrote; and what of them is told."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.audit.judging import control, finding
from tests.audit.shadowing import FOUR, audited, by_heart, controls, of_nobody, own
from torch import nn
from torch.nn import functional

from remnant.audit.cells import blind, canary_cells, doses, planted_leak, recipe, shadow_time, shadows, training_checks
from remnant.audit.findings.dose_control import dose_control
from remnant.audit.owner.steps import StepsDoneError, counted_steps
from remnant.audit.owner.training import TrainingDose
from remnant.audit.run import minutes
from remnant.audit.verdict.outcome import controls_of
from remnant.base.seeds import Seeds
from remnant.engine.cells import Cell
from remnant.measure.doses import DoseTrend

DOSED = FOUR.changed(shadows={"count": 4, "doses": True})


def few_steps(network, items, seed):
    """So few that a third more shows."""
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-3)
    images = torch.stack([item["image"] for item in items])
    truth = torch.stack([torch.as_tensor(item["label"]) for item in items])
    for _ in range(4):
        optimiser.zero_grad()
        functional.cross_entropy(network(images), truth).backward()
        optimiser.step()


@pytest.fixture
def bare(monkeypatch):
    """Nothing but shadow models and doses."""
    none = lambda run, **_: {"controls": [], "rows": []}  # noqa: E731
    for where, name in (
        (blind, "blind_cell"),
        (planted_leak, "planted_cell"),
        (recipe, "recipe_cell"),
        (training_checks, "repeated_cell"),
        (canary_cells, "canary_cell"),
    ):
        monkeypatch.setattr(where, name, none)


def test_steps_are_counted_and_end_after_so_many():
    network = nn.Linear(2, 1)
    optimisers = [torch.optim.SGD(network.parameters(), lr=0.1), torch.optim.Adam(network.parameters())]
    network(torch.ones(1, 2)).sum().backward()
    with counted_steps() as steps:
        for one in optimisers:
            one.step()
    optimisers[0].step()
    assert steps.taken == 2
    taken = []
    with pytest.raises(StepsDoneError), counted_steps(3) as steps:
        for _ in range(9):
            taken.append(optimisers[0].step())
    assert steps.taken == 3 and len(taken) == 2


def trained(train, dose, calls=None):
    cohort = own(train, leaks=False)
    return cohort.training(cohort.target, cohort.candidates, {*cohort.roles}, Seeds(0), dose=dose).module.state_dict()


def test_half_a_training_is_its_first_steps_and_three_times_goes_on():
    seeds, images = [], []

    def noted(network, items, seed):
        seeds.append(seed)
        images.append(len(items))
        assert network.training and all(weight.requires_grad for weight in network.parameters())
        few_steps(network, items, seed)

    def twice(network, items, seed):
        few_steps(network, items, seed)
        few_steps(network, items, seed)

    once, half, triple = (
        trained(noted, dose) for dose in (TrainingDose(), TrainingDose(steps=2), TrainingDose(times=3))
    )
    assert len(seeds) == 5 and len({*seeds}) == 3 and {*images} == {24}
    assert not torch.equal(once["head.weight"], half["head.weight"])
    # Adam begins anew at every call, as the optimiser of a function that is called again does.
    assert torch.equal(
        trained(twice, TrainingDose())["head.weight"], trained(noted, TrainingDose(times=2))["head.weight"]
    )
    assert torch.equal(half["head.weight"], trained(noted, TrainingDose(steps=2))["head.weight"])
    assert not torch.equal(once["head.weight"], triple["head.weight"])


def test_more_training_of_the_same_halves_leaves_more_and_the_report_says_so(tmp_path, bare):
    parts = audited(tmp_path / "run", own(few_steps, leaks=False, patients=48), DOSED)
    rows = parts["tables"]["doses"]
    assert [row["times"] for row in rows] == [0.5, 1.0, 3.0] and {row["networks"] for row in rows} == {4}
    aucs = [row["auc"] for row in rows]
    assert aucs[0] < aucs[1] < aucs[2], aucs
    (found,) = controls(parts, "dose").values()
    assert found.passed and found.p <= 0.01 and found.value is None
    assert found.sentence.startswith("Who trained a network is told better the more it was trained (mean AUC 0.")
    assert "at 0.5, 1 and 3 times the training, 4 networks each; p" in found.sentence
    assert "More training, more exposure" in {section.title for section in parts["sections"]}
    assert not [one for one in parts["not_tested"] if "doses" in one]


def test_without_an_optimiser_half_of_a_training_is_not_told(tmp_path, bare):
    parts = audited(tmp_path / "run", own(of_nobody, leaks=False), DOSED)
    assert [row["times"] for row in parts["tables"]["doses"]] == [1.0, 3.0]
    (said,) = (one for one in parts["not_tested"] if "doses" in one)
    assert said == (
        "Not all doses of training: train() takes no steps of an optimiser of PyTorch, by which half of it could be told."
    )
    (found,) = controls(parts, "dose").values()
    assert found.passed is not True


def returning(network, items, seed):
    """The network that it is given stays as it was: another one is trained."""
    torch.manual_seed(seed)
    other = type(network)()
    by_heart(other, items, seed)
    return other


def test_a_network_that_is_made_within_is_not_there_half_way(tmp_path, bare):
    parts = audited(tmp_path / "run", own(returning, leaks=False), DOSED)
    (said,) = (one for one in parts["not_tested"] if "doses" in one)
    assert "a training that was ended half-way left no network" in said and "left every weight as it was" in said


def test_they_are_trained_by_request_alone(tmp_path):
    cohort = shadows.with_shadows(own(), FOUR)
    assert not FOUR.shadows.doses and doses.dose_cells(cohort, 0, asked=False) == []
    assert doses.dose_cells(replace(cohort, target=replace(cohort.target, shadows=0)), 0, asked=True) == []
    made = doses.dose_cells(cohort, 0, asked=True)
    assert len(made) == 9 and doses.TRAININGS == 14 and made[0].needs == ("shadow-0",)


@pytest.mark.parametrize(("seconds", "fits"), [(18.0, True), (17.9, False)])
def test_they_fit_a_time_beside_all_shadow_models_or_are_left_out(tmp_path, monkeypatch, bare, seconds, fits):
    taken = {"shadow-0": 1.0, "shadow-1": 0.5}
    cells = tmp_path / "cells"
    cells.mkdir()
    for name, each in taken.items():
        (cells / f"{name}.json").write_text(f'{{"seconds": {each}}}')
    run = type("Run", (), {"path": tmp_path})
    four = [Cell(name, print, {}) for name in shadows.names_of(4)]
    assert shadow_time.fit_beside(run, four, doses.TRAININGS, seconds, workers=1) is fits
    assert shadow_time.fit_beside(run, four, doses.TRAININGS, seconds / 2, workers=2) is fits
    assert not shadow_time.fit_beside(run, four[2:], 0, 1e9, workers=1)
    monkeypatch.setattr(minutes, "forecast_cell", lambda run, **_: {"pieces": []})
    monkeypatch.setattr(shadow_time, "affordable_shadows", lambda *_, **__: 4)
    monkeypatch.setattr(shadow_time, "fit_beside", lambda *_, **__: fits)
    parts = audited(tmp_path / "run", own(of_nobody, leaks=False), DOSED.changed(minutes=5.0))
    assert ("doses" in parts["tables"]) is fits
    assert ("More training, and less: left out by --minutes." in parts["not_tested"]) is not fits


@pytest.mark.parametrize(
    ("aucs", "p", "passed", "said"),
    [
        ((0.6, 0.7, 0.9), 0.05, True, "is told better the more"),
        ((0.6, 0.7, 0.9), 0.0501, None, "is told no better the more"),
        ((0.5, 0.5, 0.5), 1.0, None, "is told no better the more"),
        ((0.95, 1.0, 1.0), 0.3, None, "by the least training already"),
        ((0.94, 1.0, 1.0), 0.3, None, "is told no better the more"),
        ((0.9, 0.7, 0.6), 0.95, False, "is told worse the more"),
        ((0.9, 0.7, 0.6), 0.949, None, "is told no better the more"),
    ],
)
def test_a_trend_passes_where_it_rises_and_fails_where_it_falls(aucs, p, passed, said):
    found = dose_control((0.5, 1.0, 3.0), DoseTrend(np.array(aucs), 4, p), 20)
    assert found.passed is passed and said in found.sentence and (found.kind, found.n) == ("dose", 20)


def test_it_bears_on_no_finding_and_a_failed_one_clears_nobody(tmp_path, bare, monkeypatch):
    failed = control("dose", False)
    assert controls_of(finding(), [failed, control("fit", False)]) == []
    monkeypatch.setattr(
        doses, "doses_cell", lambda run, **_: {"controls": [failed.model_dump(mode="json")], "rows": []}
    )
    parts = audited(tmp_path / "run", own(of_nobody, leaks=False), DOSED)
    assert failed.sentence in parts["reasons"]
