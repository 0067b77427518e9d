"""Every rule of the verdict on membership."""

import math

import pytest

from remnant.attacks.membership.verdict import judge
from remnant.measure.intervals import Interval
from remnant.measure.membership import TruePositives
from remnant.measure.membership_inference import MembershipTest


def test_of(auc=0.9, p=0.001, patients=24):
    rate = TruePositives(0.1, Interval(math.nan, math.nan, math.nan, 0), 30, patients)
    interval = Interval(auc, auc - 0.1, min(1, auc + 0.05), 2 * patients)
    return MembershipTest(interval, p, False, 1.0, rate, patients, patients)


test_of.__test__ = False
CHANCE = test_of(0.55, 0.3)


def test_a_signal_beside_a_blind_baseline_at_chance_is_shown():
    found = judge({"dice": test_of(0.8, 0.01), "cross_entropy": test_of(0.9, 0.001)}, CHANCE)
    assert (found.outcome, found.signal) == ("shown", "cross_entropy")
    assert "24 members and 24 non-members, AUC 0.90 [0.80, 0.95], p = 0.001" in found.sentence


def test_where_the_groups_differ_nothing_can_be_told():
    found = judge({"dice": test_of()}, test_of(0.7, 0.05))
    assert (found.outcome, found.signal) == ("cannot tell", None)
    assert "AUC 0.90" in found.sentence and "AUC 0.70" in found.sentence
    assert judge({"dice": test_of(0.5, 0.9)}, test_of(0.7, 0.05)).outcome == "cannot tell"
    assert judge({"dice": test_of()}, test_of(0.7, 0.051)).outcome == "shown"


def test_members_who_fare_worse_are_no_leak():
    found = judge({"dice": test_of(0.1, 0.001)}, CHANCE)
    assert found.outcome == "cannot tell" and "worse than non-members" in found.sentence
    signals = {"dice": test_of(0.28, 0.01), "cross_entropy": test_of(0.13, 0.001), "dice_shifted": test_of(0.15, 0.001)}
    found = judge(signals, CHANCE)
    assert found.outcome == "cannot tell" and "AUC 0.13" in found.sentence
    # One that is higher in members counts before those, however low their p.
    assert judge(signals | {"margin": test_of(0.8, 0.01)}, CHANCE).signal == "margin"


@pytest.mark.parametrize(("patients", "outcome"), [(9, "cannot tell"), (10, "not shown")])
def test_too_few_patients_are_no_all_clear(patients, outcome):
    found = judge({"dice": test_of(0.6, 0.4, patients)}, CHANCE)
    assert found.outcome == outcome and f"{patients} members" in found.sentence


def test_few_patients_with_an_exact_p_show_what_they_show():
    assert judge({"dice": test_of(1.0, 0.0002, 8)}, CHANCE).outcome == "shown"


@pytest.mark.parametrize(("together", "told"), [(None, "0.73"), (1, "0.73"), (33, "0.82")])
def test_what_is_not_shown_says_what_would_have_been_among_all_looks(together, told):
    found = judge({"dice": test_of(0.6, 0.2)}, CHANCE, together=together)
    assert found.outcome == "not shown" and f"an AUC of {told} four times in five" in found.sentence


def test_all_looks_count_together():
    signals = ("dice", "cross_entropy", "dice_shifted")
    assert judge({name: test_of(0.7, 0.03) for name in signals}, CHANCE).outcome == "not shown"
    assert judge({"dice": test_of(0.7, 0.03)}, CHANCE).outcome == "shown"
    alone = judge({"dice": test_of(0.7, 0.03)}, CHANCE, {"dice": 0.06})
    assert alone.outcome == "not shown" and "p = 0.060 after Holm's adjustment" in alone.sentence
