"""A look before all shadow models are trained: it ends what can no longer change, and errs no more often than one look does."""

from dataclasses import replace

import numpy as np
import pytest
from tests.audit.judging import control, finding
from tests.audit.shadowing import FOUR, audited, by_heart, of_nobody, own
from tests.audit.test_calibration import QUERIES, VIEWS
from tests.measure.shadowed import world

from remnant.audit.cells import blind, canary_cells, planted_leak, recipe, training_checks
from remnant.audit.config import AuditConfig
from remnant.audit.findings.rows import ScoredPatients, membership_rows
from remnant.audit.run import early
from remnant.audit.run.results import Clock, conclude, machine
from remnant.audit.verdict.family import adjusted, levels
from remnant.audit.verdict.outcome import LEVEL
from remnant.base.files import read_json
from remnant.measure.dealt_together import FEWEST_DEALS
from remnant.measure.roles import MEMBER, NON_MEMBER

TEN = FOUR.changed(shadows={"count": 10})
AT_LOOK = 2 * 4


@pytest.fixture
def bare(monkeypatch):
    """Groups are alike; nothing is planted, and nothing made of the networks."""
    alike = {"kind": "blind", "claim": "patient_scores", "value": 0.5, "n": 24, "passed": True, "sentence": "Alike."}
    monkeypatch.setattr(blind, "blind_cell", lambda run, **_: {"controls": [alike]})
    monkeypatch.setattr(planted_leak, "planted_cell", lambda run, **_: {"controls": []})
    monkeypatch.setattr(recipe, "recipe_cell", lambda run, **_: {"controls": [], "rows": []})
    monkeypatch.setattr(canary_cells, "canary_cell", lambda run, **_: {"controls": []})
    monkeypatch.setattr(training_checks, "repeated_cell", lambda run, **_: {"repeats": None})


def trained(path):
    return len(list((path / "cells").glob("shadow-*.json")))


def test_a_model_that_is_outside_whatever_comes_trains_no_more(tmp_path, bare):
    parts = audited(tmp_path / "run", own(by_heart, leaks=True, patients=44), TEN)
    results = conclude(TEN, **parts, **machine(Clock(), ""))
    assert results.verdict.ruling == "outside" and trained(tmp_path / "run") == AT_LOOK == early.FIRST
    (said,) = (one for one in parts["not_tested"] if "shadow models" in one)
    assert said.startswith(
        "Of 10 shadow models 8 were trained: by these the model is outside, whatever the others tell, at 5% of"
    )
    assert early.LOOKED not in parts["notices"]
    # What it rests on is of the level of the look.
    again = audited(tmp_path / "all", own(by_heart, leaks=True, patients=44), FOUR.changed(shadows={"count": 8}))
    for one, other in zip(parts["findings"], again["findings"], strict=True):
        assert one.value == other.value and one.adjusted_p == pytest.approx(min(1.0, other.adjusted_p / early.SPENT))
        assert one.bound_low is None or one.bound_low <= other.bound_low + 1e-9


def test_one_that_may_still_be_cleared_trains_all_and_says_what_the_look_cost(tmp_path, bare):
    config = TEN.changed(appetite={"membership_advantage": 0.99, "membership_tpr": 0.99})
    parts = audited(tmp_path / "run", own(of_nobody, leaks=False, patients=44), config)
    assert trained(tmp_path / "run") == 10 and early.LOOKED in parts["notices"]
    assert not [one for one in parts["not_tested"] if "shadow models" in one]
    assert read_json(tmp_path / "run" / "cells" / "early.json") == {"ends": False}
    # Gone on with, it looks no second time, and nothing is made anew.
    made = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "run" / "cells").glob("attack-*.json")}
    again = audited(tmp_path / "run", own(of_nobody, leaks=False, patients=44), config, resume=True)
    assert made == {path.name: path.stat().st_mtime_ns for path in (tmp_path / "run" / "cells").glob("attack-*.json")}
    assert again["findings"] == parts["findings"] and early.LOOKED in again["notices"]


def test_without_it_all_are_trained_at_the_whole_level(tmp_path, bare):
    config = TEN.changed(shadows={"count": 10, "early": False})
    parts = audited(tmp_path / "run", own(by_heart, leaks=True, patients=44), config)
    assert trained(tmp_path / "run") == 10 and early.LOOKED not in parts["notices"]


def test_of_groups_without_any_interval_no_more_are_trained(tmp_path, bare):
    cohort = own(by_heart, leaks=True, patients=40)
    few = replace(cohort, roles={patient: MEMBER if i < 9 else NON_MEMBER for i, patient in enumerate(cohort.roles)})
    parts = audited(tmp_path / "run", few, TEN)
    assert trained(tmp_path / "run") == AT_LOOK and not (tmp_path / "run" / "cells" / "early.json").exists()
    (said,) = (one for one in parts["not_tested"] if "shadow models" in one)
    assert "no limit on membership is held with fewer than ten in a group" in said
    assert early.too_few(few) and not early.too_few(cohort)


def test_there_is_a_look_where_more_are_asked_than_it_takes():
    cohort = own()
    for count, config, looks in (
        (8, TEN, False),
        (10, TEN, True),
        (10, AuditConfig.checked(shadows={"early": False}), False),
    ):
        one = replace(cohort, target=replace(cohort.target, shadows=count))
        assert early.may_end(one, config) is looks


def test_it_is_decided_by_what_is_outside_alone():
    shown = finding(bound_low=0.15, adjusted_p=0.01)
    sound = [control("blind"), control("planted", True, "output")]
    config = AuditConfig()
    assert early.decided([shown], sound, config) and early.decided([shown], [], config)
    for other in (
        shown.model_copy(update={"bound_low": 0.05}),
        shown.model_copy(update={"adjusted_p": 0.0101}),
        finding(value=0.0, low=-0.02, high=0.04, bound_low=-0.1, p=0.9, adjusted_p=1.0),
    ):
        assert not early.decided([other], sound, config)
    assert not early.decided([shown], [control("null", False)], config)


def claims(seed, patients, networks, own_leak):
    """What every view says by the first networks of sixteen."""
    fit, fits, trained, own = world(seed, patients, 8, 1.0, own_leak=own_leak, queries=QUERIES)
    names, roles = tuple(map(str, range(patients))), np.where(own, MEMBER, NON_MEMBER)
    return [
        ScoredPatients(
            attack,
            view,
            names,
            one.score(one.taken(fit), one.taken(fits[:, :networks]), trained[:, :networks]),
            roles,
            primary,
        )
        for attack, view, one, primary in VIEWS
    ]


def flagged(seed, patients=60, own_leak=0.0):
    """At which of the two looks a leak is shown, None where it is at neither."""
    for networks, share in ((early.FIRST, early.SPENT), (16, 1 - early.SPENT)):
        own = claims(seed, patients, networks, own_leak)
        level = {key: share * one for key, one in levels([(one.key, one.primary) for one in own]).items()}
        rows = adjusted(membership_rows(own, level, np.random.default_rng(seed)), share)
        if any(row.adjusted_p <= LEVEL for row in rows):
            return networks
    return None


@pytest.mark.parametrize("audits", [12, pytest.param(300, marks=pytest.mark.slow)])
def test_two_looks_flag_no_more_audits_without_a_leak_than_one_may(audits):
    hits = sum(flagged(seed) is not None for seed in range(audits))
    assert hits <= LEVEL * audits + 3 * (LEVEL * audits) ** 0.5


def test_so_many_deals_are_made_that_the_first_look_can_show_a_leak():
    assert 1 / (FEWEST_DEALS + 1) / early.SPENT <= LEVEL


def test_a_strong_leak_is_shown_at_the_first_look_and_a_weaker_one_at_the_last():
    assert {flagged(seed, own_leak=4.0) for seed in range(2)} == {early.FIRST}
    assert 16 in {flagged(seed, own_leak=0.7) for seed in range(8)}
