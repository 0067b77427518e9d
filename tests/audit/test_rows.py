"""Rows of findings from scores a patient, against curves of scikit-learn."""

import numpy as np
import pytest
from sklearn.metrics import roc_curve

from remnant.audit.rows import Scored, membership_rows
from remnant.audit.tables import roc_rows
from remnant.measure.membership_inference import MEMBER, NON_MEMBER


def claim(members, others):
    scores = np.concatenate([members, others])
    names = tuple(f"p{place}" for place in range(len(scores)))
    return Scored("loss", "output", names, scores, np.repeat([MEMBER, NON_MEMBER], [len(members), len(others)]))


def findings(one):
    rows = membership_rows([one], {one.key: 0.05}, np.random.default_rng(0))
    return {row.statistic: row for row in rows}


def test_true_positives_of_a_signal_of_few_values_lie_on_its_curve():
    right = claim(np.repeat([1.0, 0.0], [57, 3]), np.repeat([1.0, 0.0], [40, 20]))
    false, true, _ = roc_curve(right.roles == MEMBER, right.scores, drop_intermediate=False)
    found = findings(right)["tpr_at_10_fpr"]
    assert found.value == pytest.approx(np.interp(0.1, false, true)) and found.low < 0.1425 < found.high
    curve = roc_rows(right)
    rates = [row["fpr"] for row in curve]
    assert [row["tpr"] for row in curve] == pytest.approx(np.interp(rates, false, true))


def test_true_positives_without_ties_are_those_above_a_threshold_of_the_non_members():
    draw = np.random.default_rng(3)
    members, others = draw.normal(1, 1, 50), draw.normal(0, 1, 40)
    found = findings(claim(members, others))["tpr_at_10_fpr"]
    assert found.value == pytest.approx((members > np.sort(others)[-5]).mean()) and found.low < found.value < found.high


def test_of_fewer_than_ten_patients_a_group_no_row_has_an_interval():
    few = findings(claim(np.arange(9) + 20.0, np.arange(40.0)))
    for row in few.values():
        assert row.low is None and row.high is None and row.bound_low is None and 0 < row.p < 1
    enough = findings(claim(np.arange(10) + 20.0, np.arange(40.0)))
    assert all(row.low < row.high and row.bound_low is not None for row in enough.values())
