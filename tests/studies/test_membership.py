"""Findings and headlines of membership by the model's own output, and tests as cells return them."""

import json
import math

import numpy as np

from remnant.measure.membership_inference import membership_test
from remnant.measure.roles import MEMBER, NON_MEMBER
from remnant.studies.membership import (
    membership_findings,
    membership_shown,
    membership_summary,
    restored,
    stored,
    strongest_first,
)
from remnant.studies.membership_tables import ByOutput, membership_tables

ROLES = np.repeat([MEMBER, NON_MEMBER], 12)


def a_test(shift, seed=0):
    scores = np.random.default_rng(seed).normal(size=24)
    scores[:12] += shift
    return membership_test(scores, ROLES, np.random.default_rng(0))


def verdicts_of(**shifts):
    """Of targets by name, the control being the one of that name."""
    tested = {
        name: ByOutput({"dice": a_test(shift), "cross_entropy": a_test(shift / 2, 1)}, a_test(0, 2), name == "control")
        for name, shift in shifts.items()
    }
    return membership_tables(tested)["membership_verdicts"]


def test_the_headline_is_never_an_all_clear_where_membership_is_shown():
    verdicts = verdicts_of(segnet=2.5, unet=4.0)
    silent = strongest_first("Nobody was found.", verdicts, exposed=False)
    assert silent.startswith("U-Net: The model's own output distinguishes its training patients")
    assert silent.endswith("That is shown of 2 of 2 targets, most clearly of this one. Nobody was found.")
    assert strongest_first("All were found.", verdicts, exposed=True).startswith(
        "All were found. U-Net: The model's own"
    )
    assert strongest_first("Nobody was found.", verdicts_of(unet=0.0), exposed=False) == "Nobody was found."


def test_a_control_that_was_made_to_leak_accuses_nobody():
    verdicts = verdicts_of(control=4.0, unet=0.0)
    assert verdicts[0]["outcome"] == "shown" and membership_shown(verdicts) == []
    assert strongest_first("Nobody was found.", verdicts, exposed=False) == "Nobody was found."
    assert "(a control): The model's own output" in membership_findings(verdicts)[0]


def test_many_targets_are_summed_up_by_the_strongest():
    (said,) = membership_summary(verdicts_of(a=0.0, b=2.5, c=4.0, d=0.0))
    assert said.startswith("c: The model's own output distinguishes")
    assert said.endswith("Of the other targets, it was shown of 1, not shown of 2.")
    assert membership_summary([]) == []
    silent = verdicts_of(control=0.3, a=0.0, b=0.2)
    (said,) = membership_summary(silent)
    assert said.startswith("b: ") and "control: " in membership_summary(silent[:1])[0]
    assert membership_summary(silent, ["b"])[0].startswith("a: ")


def test_of_what_is_left_open_the_strongest_signal_is_told_and_how_many_there_are():
    tests = {name: {"dice": a_test(shift)} for name, shift in {"raw": 4.0, "a": 1.5, "b": 3.0}.items()}
    apart = a_test(4.0, 2)
    left = membership_tables({name: ByOutput(own, apart) for name, own in tests.items()})["membership_verdicts"]
    (said,) = membership_summary(left, ["raw"])
    assert said.startswith("b: Whether the model's own output gives its training patients away cannot be told.")
    assert f"AUC {tests['b']['dice'].auc.mean:.2f}" in said
    assert said.endswith(
        "It is left open of 3 of 3 targets; of those that are no control this one has the strongest signal."
    )
    assert "other targets" not in membership_summary(verdicts_of(a=0.0))[0]


def test_a_test_comes_back_from_what_a_cell_returns():
    few = membership_test(np.arange(6.0), ROLES[[0, 1, 2, 12, 13, 14]], np.random.default_rng(0))
    back = restored(json.loads(json.dumps(stored(few), allow_nan=False)))
    assert math.isnan(back.auc.low) and back.few and back.p == few.p and back.describe() == few.describe()
    assert back.true_positives.describe() == few.true_positives.describe()
    twice = membership_test(np.stack([np.arange(24.0)] * 2), np.stack([ROLES, -ROLES]), np.random.default_rng(0), 99)
    assert twice.design_effect < 1 and restored(json.loads(json.dumps(stored(twice)))) == twice
