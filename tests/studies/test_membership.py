"""Rows, verdicts and headlines of membership by the model's own output."""

import json
import math

import numpy as np
import pytest

from remnant.measure.membership_inference import MEMBER, NON_MEMBER, membership_test
from remnant.studies.membership import (
    Look,
    membership_findings,
    membership_rows,
    membership_section,
    membership_shown,
    restored,
    stored,
    strongest_first,
    verdict_rows,
)

ROLES = np.repeat([MEMBER, NON_MEMBER], 12)


def a_test(shift, seed=0):
    scores = np.random.default_rng(seed).normal(size=24)
    scores[:12] += shift
    return membership_test(scores, ROLES, np.random.default_rng(0))


def look(target="unet", shift=4.0, blind=0.0, control=False):
    return Look(target, {"dice": a_test(shift), "cross_entropy": a_test(shift / 2, 1)}, a_test(blind, 2), control)


def test_every_signal_and_the_blind_baseline_have_a_row():
    rows = membership_rows([look(), look("segnet", 0.0)])
    assert [(row["target"], row["source"]) for row in rows] == [
        (target, source) for target in ("unet", "segnet") for source in ("dice", "cross_entropy", "blind")
    ]
    assert rows[0]["auc"] > 0.95 and rows[0]["auc_low"] < rows[0]["auc"] and rows[0]["p"] < 1e-4
    assert rows[0]["true_positives"] == "not resolvable with 12 non-members (needs 30)"
    assert rows[2]["holm_p"] is None and rows[2]["p"] > 0.05
    shown = membership_section("Who.", "the scan")
    assert {"{auc} [{auc_low}, {auc_high}]", *rows[0]} >= set(shown.table.columns)
    json.dumps(rows, allow_nan=False)


def test_p_values_are_for_all_targets_together():
    alone = membership_rows([look()])[0]
    among = membership_rows([look(), *(look(f"t{i}", 0.0) for i in range(9))])[0]
    assert alone["holm_p"] == pytest.approx(2 * alone["p"]) and among["holm_p"] == pytest.approx(20 * among["p"])
    # What is shown alone may be chance among many.
    shift = next(shift for shift in np.arange(1, 3, 0.05) if verdict_rows([look(shift=shift)])[0]["outcome"] == "shown")
    many = [look(shift=shift), *(look(f"t{i}", 0.0) for i in range(30))]
    assert verdict_rows(many)[0]["outcome"] == "not shown"


def test_the_headline_is_never_an_all_clear_where_membership_is_shown():
    verdicts = verdict_rows([look("segnet", 2.5), look("unet")])
    silent = strongest_first("Nobody was found.", verdicts, exposed=False)
    assert silent.startswith("U-Net: The model's own output distinguishes its training patients")
    assert silent.endswith("Nobody was found.")
    assert strongest_first("All were found.", verdicts, exposed=True).startswith(
        "All were found. U-Net: The model's own"
    )
    assert strongest_first("Nobody was found.", verdict_rows([look(shift=0.0)]), exposed=False) == "Nobody was found."


def test_a_control_that_was_made_to_leak_accuses_nobody():
    verdicts = verdict_rows([look("overfit", control=True), look(shift=0.0)])
    assert verdicts[0]["outcome"] == "shown" and membership_shown(verdicts) == []
    assert strongest_first("Nobody was found.", verdicts, exposed=False) == "Nobody was found."
    assert "(the positive control): The model's own output" in membership_findings(verdicts)[0]


def test_a_blind_baseline_that_succeeds_takes_the_verdict_back():
    assert verdict_rows([look(blind=4.0)])[0]["outcome"] == "cannot tell"


def test_a_test_comes_back_from_what_a_cell_returns():
    few = membership_test(np.arange(6.0), ROLES[[0, 1, 2, 12, 13, 14]], np.random.default_rng(0))
    back = restored(json.loads(json.dumps(stored(few), allow_nan=False)))
    assert math.isnan(back.auc.low) and back.few and back.p == few.p and back.describe() == few.describe()
    assert back.true_positives.describe() == few.true_positives.describe()
