"""Shadow models: what the owner's training leaves is seen, what it does not leave is not, and what he does wrong is told."""

import contextlib
import math
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.audit.example import Segmenter
from tests.audit.shadowing import FOUR, SHADOWED, audited, by_heart, controls, of_nobody, own

from remnant.attacks.membership.references import REFERENCES
from remnant.audit.cells import blind, planted_leak, shadow_time, shadows, training_checks
from remnant.audit.cells.forecast import forecast
from remnant.audit.cells.kept import kept_losses, kept_shadows
from remnant.audit.cells.recipe import disagreement
from remnant.audit.config import AuditConfig
from remnant.audit.findings.controls import planted_control, recipe_control, reconciled
from remnant.audit.run import attacks as listed
from remnant.audit.run import minutes
from remnant.audit.run.attacks import attacks_of
from remnant.audit.run.model import audit_model
from remnant.audit.run.results import Clock, conclude, machine
from remnant.audit.verdict.outcome import outcome_of
from remnant.base.errors import RemnantError
from remnant.base.run import Run
from remnant.measure.intervals import Interval
from remnant.measure.swaps import SwapTest

SIGNALS = (
    "cross-entropy",
    "Dice",
    "cross-entropy near borders",
    "cross-entropy of class 1",
    "cross-entropy of class 2",
)


@pytest.fixture(scope="module")
def leaking(tmp_path_factory):
    """A whole audit of a training that leaks: its run directory and its parts."""
    path = tmp_path_factory.mktemp("leaking") / "run"
    return path, audited(path, own())


@pytest.fixture
def bare(monkeypatch):
    """Without controls that have nothing to do with shadow models, which take the most of such an audit's time."""
    monkeypatch.setattr(blind, "blind_cell", lambda run, **_: {"controls": []})
    monkeypatch.setattr(planted_leak, "planted_cell", lambda run, **_: {"controls": []})
    monkeypatch.setattr(training_checks, "repeated_cell", lambda run, **_: {"repeats": None})


@pytest.mark.parametrize("seed", [0, 1])
def test_a_training_that_leaks_is_seen_and_its_model_is_exposed(tmp_path, leaking, seed):
    parts = audited(tmp_path / "run", own(seed=seed), FOUR.changed(seed=seed)) if seed else leaking[1]
    seen = controls(parts, "recipe")
    assert {*seen} == {"output", "label_only", "gradient", *SHADOWED} and all(
        control.passed for control in seen.values()
    ), seen
    assert controls(parts, "null")[""].passed
    primary = [one for one in parts["findings"] if one.primary and one.statistic == "auc"]
    assert [(one.attack, outcome_of(one, parts["controls"])) for one in primary] == [("hierarchical", "exposed")]


def test_so_is_that_of_a_segmenter(tmp_path, bare):
    parts = audited(tmp_path / "run", own(kind=Segmenter))
    seen = controls(parts, "recipe")
    assert seen["output"].passed and seen["references"].passed
    # Half-way through such a training the gradient is larger, and not smaller.
    assert seen["gradient"].passed is None and "scores who trained them lower than others" in seen["gradient"].sentence
    views = {row["view"] for row in parts["tables"]["recipe"] if row["attack"] == "references"}
    assert views == {f"{name} against shadow models without the patient" for name in SIGNALS}
    (first,) = (one for one in parts["findings"] if one.primary and one.statistic == "auc")
    assert first.view.startswith("cross-entropy") and first.value > 0.95


def test_a_training_that_leaves_nothing_is_said_to_and_the_copy_still_shows_that_the_attacks_see(tmp_path):
    config = FOUR.changed(shadows={"count": 8}, appetite={"membership_advantage": 0.9, "membership_tpr": 0.9})
    with Run.start(tmp_path / "run", "audit", config.resolved(), resume=False) as run:
        parts = audit_model(run, own(of_nobody, leaks=False), config, quiet=True)
        results = conclude(config, **parts, **machine(Clock(), ""))
    seen, copies = controls(parts, "recipe"), controls(parts, "planted")
    assert [control.passed for control in seen.values()] == [None] * 8, seen
    # How often bare answers are right is of few values, so that it may have too large a p.
    assert all(copies[name].passed for name in seen if name != "label_only") and {*copies} == {*seen}
    assert {one.outcome for one in results.findings if not one.coarse} == {"not shown"}
    said = [control.sentence for control in seen.values()]
    assert results.verdict.reasons[-1] in said and "8 networks trained the same way" in said[0]
    assert results.sections[0].title == "The same training, on known halves"
    rows = results.tables["recipe"]
    assert {row["attack"] for row in rows} == {*seen} and {row["networks"] for row in rows} == {8}
    # Of four swaps and more there is an interval, and it holds chance.
    assert all(row["low"] < 0.5 < row["high"] for row in rows)
    # Held against networks of the same patients or not: what it would be of fresh people is nearer to chance.
    fresh = {(row["attack"], row["view"]): (row["auc"], row["fresh_auc"]) for row in rows}
    assert all((found is None) == (attack not in SHADOWED) for (attack, _), (_, found) in fresh.items())
    assert all(abs(found - 0.5) <= abs(auc - 0.5) + 1e-9 for auc, found in fresh.values() if found is not None)


def test_groups_that_differ_by_themselves_fail_the_null_of_who_did_not_train(tmp_path, bare):
    """Images of non-members are noise without an answer, which networks that saw neither group are worse at."""
    found = own(leaks=False, patients=48)
    labels = tuple(int(image.mean() > 0) for image in found.images.images)
    draw = torch.Generator().manual_seed(1)
    images = tuple(
        image + (0.5 if label else -0.5) * (place < 24) + 0 * torch.rand((), generator=draw)
        for place, (image, label) in enumerate(zip(found.images.images, labels, strict=True))
    )
    table = replace(found.images, images=images, labels=labels)
    items = [
        {"image": image, "label": label, "patient": patient}
        for image, label, patient in zip(images, labels, table.patients, strict=True)
    ]
    cohort = replace(found, images=table, training=replace(found.training, items=items))
    parts = audited(tmp_path / "run", cohort)
    null = controls(parts, "null")[""]
    assert null.passed is False and null.value > 0.7
    assert {outcome_of(one, parts["controls"]) for one in parts["findings"]} == {"not testable"}


def test_the_halves_are_of_patients_and_the_training_gets_what_data_gave(tmp_path, bare):
    calls = []

    def noted(network, items, seed):
        calls.append(([item["patient"] for item in items], seed, network.training, {*items[0]}))
        of_nobody(network, items, seed)

    cohort = own(noted, leaks=False)
    audited(tmp_path / "run", cohort)
    halves, seeds = [{*patients} for patients, *_ in calls], [seed for _, seed, *_ in calls]
    everybody = {*cohort.images.patients}
    for first, second in (halves[:2], halves[2:]):
        assert first | second == everybody and not first & second and len(first) == 12
    assert halves[0] not in halves[2:] and len({*seeds}) == 4 and all(0 <= seed < 2**31 for seed in seeds)
    assert all(training and fields == {"image", "label", "patient"} for *_, training, fields in calls)
    run = Run(tmp_path / "run")
    kept = kept_shadows(run, 4)
    for number, half in enumerate(halves):
        assert {p for p, one in zip(kept.patients, kept.trained[:, number], strict=True) if one} == half
    losses = kept_losses(run, "references")[1]
    assert losses.shape == (24, 5) and np.allclose(losses[:, 1:], -kept.signals["signed margin"])
    assert {path.suffix for path in run.private.rglob("*") if path.is_file()} <= {".npz", ""}
    assert not [path for path in run.path.rglob("*") if path.is_file() and path.stat().st_size > 50_000]


def test_one_shadow_model_is_lost_by_a_stop_and_no_more(tmp_path, leaking, bare):
    whole = leaking[1]
    calls = []

    def stopped(network, items, seed):
        calls.append(seed)
        if len(calls) == 3:
            raise KeyboardInterrupt
        by_heart(network, items, seed)

    with pytest.raises(KeyboardInterrupt):
        audited(tmp_path / "run", own(stopped))
    assert (tmp_path / "run" / "cells" / "shadow-1.json").exists()
    again = audited(tmp_path / "run", own(stopped), resume=True)
    assert len(calls) == 5 and calls[2] == calls[3]
    assert again["findings"] == whole["findings"] and again["tables"] == whole["tables"]


def test_shadow_models_of_two_versions_of_the_training_are_refused(tmp_path, leaking):
    shutil.copytree(leaking[0], tmp_path / "run")
    (tmp_path / "run" / "cells" / "shadow-3.json").unlink()
    other = own()
    with pytest.raises(RemnantError, match=r"target.py has changed since .* began to train shadow models"):
        audited(tmp_path / "run", replace(other, training=replace(other.training, code="other")), resume=True)


@pytest.mark.parametrize(
    ("left", "workers", "count"), [(100.0, 1, 8), (59.0, 1, 4), (61.0, 1, 6), (39.0, 1, 0), (39.0, 2, 6), (19.0, 2, 0)]
)
def test_so_many_shadow_models_are_trained_as_fit(monkeypatch, left, workers, count):
    asked = []

    def done(run, cells, **_):
        asked.extend(cell.arguments["limit"] for cell in cells)
        # The second takes longer than the first.
        return {cell.name: {"trained": True, "seconds": 10.0 + place} for place, cell in enumerate(cells)}

    monkeypatch.setattr(shadow_time, "run_cells", done)
    cohort = shadows.with_shadows(own(), FOUR.changed(shadows={"count": 8}))
    pieces = shadows.shadow_cells(cohort, [], 0)
    assert len(pieces) == 8 and shadow_time.affordable_shadows(None, pieces, left, workers=workers, quiet=True) == count
    # Four have to fit, so that one may take a quarter.
    assert asked == [workers * left / 4] * workers


def test_a_first_shadow_model_that_takes_too_long_is_stopped_and_what_reads_it_is_left_out(tmp_path, monkeypatch, bare):
    def endless(network, items, seed):
        while True:
            # As owners write it.
            with contextlib.suppress(Exception):
                torch.zeros(1)

    monkeypatch.setattr(minutes, "forecast_cell", lambda run, **_: {"pieces": []})
    parts = audited(tmp_path / "run", own(endless, leaks=False), FOUR.changed(minutes=0.4 / 60))
    why = {attack.name: attack.why for attack in parts["attacks"] if not attack.run}
    assert {why[name] for name in SHADOWED} == {"left out by --minutes"}
    assert "Of 4 shadow models none fit into --minutes." in parts["not_tested"]
    left = next(reason for reason in parts["reasons"] if "left out by --minutes" in reason)
    assert all(repr(name) in left for name in SHADOWED) and "'output'" not in left
    assert (
        "recipe" not in parts["tables"]
        and [one.table.name for one in parts["sections"]] == ["epsilon"]
        and not controls(parts, "recipe")
    )


def test_fewer_shadow_models_give_what_they_would_among_many(tmp_path, monkeypatch, leaking, bare):
    """The halves do not depend on how many there are."""
    config = FOUR.changed(shadows={"count": 6}, minutes=1.0)
    monkeypatch.setattr(minutes, "forecast_cell", lambda run, **_: {"pieces": []})
    monkeypatch.setattr(shadow_time, "affordable_shadows", lambda *_, **__: 4)
    few = audited(tmp_path / "few", own(), config)
    assert "Of 6 shadow models 4 fit into --minutes." in few["not_tested"]
    assert few["tables"]["recipe"] == leaking[1]["tables"]["recipe"]


def test_without_a_training_or_with_none_asked_nothing_is_trained():
    cohort = own()
    assert shadows.with_shadows(cohort, FOUR).target.shadows == 4
    for one, config in (
        (replace(cohort, training=None), FOUR),
        (cohort, FOUR.changed(shadows={"count": 0})),
    ):
        assert shadows.with_shadows(one, config).target.shadows == 0
    for wrong in (2, 5, -2):
        with pytest.raises(RemnantError, match="count"):
            AuditConfig.checked(shadows={"count": wrong})


def test_an_estimate_trains_one_and_counts_all():
    cohort = shadows.with_shadows(own(), FOUR)
    chosen = [attack for attack, why in attacks_of(cohort, FOUR) if not why]
    pieces = {piece.name: piece for piece in forecast(cohort, FOUR, chosen)}
    assert {*SHADOWED, "recipe"} <= {*pieces} and pieces["recipe"].always
    # Shifts are asked by one of them alone, and halves dealt anew four hundred times.
    assert pieces["lira"].seconds > 3 * pieces["rmia"].seconds and 0.02 < pieces["recipe"].seconds < 20
    calls = []

    def slow(network, items, seed):
        calls.append(len(items))
        by_heart(network, items, seed)

    cohort = replace(cohort, training=replace(cohort.training, train=slow))
    found = shadow_time.shadow_piece(cohort, 0, each=50.0)
    assert calls == [12] and 200 < found.seconds < 260 and 0 < found.bytes < 40_000


def test_a_model_that_leaks_less_than_its_training_clears_nobody():
    from tests.report.example_audit import finding

    primary = finding(statistic="auc", value=0.5, low=0.4, high=0.6, primary=True)
    row = {"attack": primary.attack, "view": primary.view, "low": 0.61}
    assert "leak more than this model" in disagreement(primary, [row])[0]
    for first, one in (
        (primary, {**row, "low": 0.59}),
        (primary, {**row, "low": None}),
        (primary, {**row, "view": "another"}),
        (primary.model_copy(update={"high": None}), row),
        (None, row),
    ):
        assert disagreement(first, [one]) == []


def test_it_is_so_in_a_whole_audit(tmp_path, bare):
    """The training learns by heart, and the network that is called its own learned nothing."""
    config = FOUR.changed(shadows={"count": 8})
    parts = audited(tmp_path / "run", own(leaks=False, patients=48), config)
    assert any("leak more than this model" in reason for reason in parts["reasons"])


def test_an_attack_that_sees_the_training_is_not_called_too_weak_for_a_copy_that_it_missed():
    missed, found = (planted_control("output", np.full(5, value), np.arange(10.0)) for value in (5.0, 99.0))
    sees, sees_not = (recipe_control("output", [swaps_of(auc)]) for auc in (0.9, 0.5))
    assert (sees.passed, sees_not.passed) == (True, None)
    assert "too weak" in missed.sentence and "too weak" not in reconciled([missed, sees])[0].sentence
    assert reconciled([missed, sees])[0].passed is False
    for unchanged in ([missed, sees_not], [found, sees], [missed, recipe_control("gradient", [swaps_of(0.9)])]):
        assert reconciled(unchanged) == unchanged


def swaps_of(auc, p=0.001):
    return SwapTest(Interval(auc, math.nan, math.nan, 24), p, False, np.full(4, auc))


def test_a_recipe_is_seen_above_chance_with_p_for_all_views():
    for views, passed in (
        ([swaps_of(0.7, 0.01)], True),
        ([swaps_of(0.7, 0.0101)], None),
        ([swaps_of(0.3, 0.001)], None),
        ([swaps_of(0.7, 0.006), swaps_of(0.6, 0.5)], None),
        ([swaps_of(0.7, 0.005), swaps_of(0.3, 0.001)], True),
    ):
        assert recipe_control("output", views).passed is passed


def test_another_attack_that_reads_shadow_models_is_run_after_them(tmp_path, monkeypatch, bare):
    read = []

    def run(access, own, settings, work):
        read.append(access.shadows.trained.shape)
        return [replace(REFERENCES.run(access, own, settings, work)[0], losses=None)]

    other = replace(REFERENCES, name="other", run=run, primary=False)
    monkeypatch.setattr(listed, "all_attacks", lambda: {"references": REFERENCES, "other": other})
    parts = audited(tmp_path / "run", own(of_nobody, leaks=False))
    assert read == [(24, 4)] and {one.attack for one in parts["findings"]} == {"references", "other"}
    assert {*controls(parts, "recipe")} == {"references"}


def test_a_cluster_without_a_training_is_refused(tmp_path):
    with (
        Run.start(tmp_path / "run", "audit", FOUR.resolved(), resume=False) as run,
        pytest.raises(RemnantError, match=r"--cluster trains shadow models, .* add it, or leave --cluster out"),
    ):
        audit_model(run, replace(own(), training=None), FOUR, workers="127.0.0.1:6379", quiet=True)
