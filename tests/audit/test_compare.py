from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score
from statsmodels.stats.multitest import multipletests
from tests.audit.test_pair_rows import paired

from remnant.audit.findings.compare import (
    Comparison,
    comparison_rows,
    difference_columns,
    of_pairs,
    of_patients,
    of_scores,
    with_holm,
)
from remnant.audit.findings.rows import ScoredPatients
from remnant.base.seeds import Seeds
from remnant.base.terms import CODES, MAPS
from remnant.measure.auc import auc_contrast
from remnant.measure.intervals import paired_difference
from remnant.measure.roles import MEMBER, NON_MEMBER
from remnant.measure.verification import verification_contrast

SEEDS = Seeds(0)


def values(mean, patients=20, seed=0, first=0):
    draw = np.random.default_rng(seed)
    return {f"p{first + i}": float(value) for i, value in enumerate(draw.normal(mean, 1, patients))}


def scored(gap, patients=20, seed=0):
    draw = np.random.default_rng(seed)
    roles = np.where(np.arange(patients) % 2, MEMBER, NON_MEMBER)
    names = tuple(f"p{i}" for i in range(patients))
    return ScoredPatients("output", "Dice", names, draw.normal(size=patients) + gap * (roles == MEMBER), roles)


def test_a_difference_has_its_columns_and_no_nan():
    found = SimpleNamespace(difference=0.1, low=float("nan"), high=0.3, p=0.01, p_bound=True, detectable=0.2, n=5)
    assert difference_columns(found) == {
        **{"difference": 0.1, "low": None, "high": 0.3},
        **{"p": 0.01, "p_bound": True, "detectable": 0.2},
    }


def test_p_values_hold_for_all_rows_that_were_tested_and_the_rest_stays_empty():
    rows = [
        {"p": p, "p_bound": bound, "x": i} for i, (p, bound) in enumerate(((0.03, False), (None, False), (0.001, True)))
    ]
    made = with_holm(rows)
    assert [row["x"] for row in made] == [0, 1, 2]
    assert made[1]["holm_p"] is None and not made[1]["holm_p_bound"]
    expected = multipletests([0.03, 0.001], method="holm")[1]
    assert [made[0]["holm_p"], made[2]["holm_p"]] == pytest.approx(expected)
    assert [row["holm_p_bound"] for row in made] == [False, False, True]


def test_patients_are_paired_and_those_of_one_alone_left_out():
    here, there = values(1.0), values(0.0, seed=1)
    found = of_patients({**here, "only": 50.0}, {**there, "other": -50.0}, SEEDS)
    expected = paired_difference(here, there, SEEDS.numpy())
    assert (found.n, found.difference, found.low, found.p) == (20, expected.difference, expected.low, expected.p)
    assert found.value - found.against == pytest.approx(found.difference)
    assert of_patients({"a": 1.0}, {"b": 1.0}, SEEDS).n == 0


def test_pairs_are_compared_on_the_same_draws():
    code, labels = paired(CODES, "a", 3.0), paired(MAPS, "a", 0.0)
    found = of_pairs(code, labels, SEEDS)
    expected = verification_contrast(code.scores, labels.scores, code.patients, SEEDS.numpy(), resamples=5000)
    assert (found.difference, found.low, found.p) == (expected.difference, expected.low, expected.p)
    assert found.value > 0.9 and found.value - found.against == pytest.approx(found.difference)


def test_scores_are_of_patients_who_have_one_role_under_both():
    one, other = scored(3.0), scored(0.0, seed=1)
    assert of_scores(one, other, SEEDS).n == 20
    # As fine as it is asked for: no p is below what so many exchanges can show.
    surely = scored(50, seed=3), replace(one, scores=-scored(50, seed=4).scores)
    assert [of_scores(*surely, SEEDS, few).p for few in (99, 199)] == [1 / 100, 1 / 200]
    swapped = replace(other, roles=np.where(np.arange(20) < 4, -other.roles, other.roles))
    found, rest = of_scores(one, swapped, SEEDS), np.arange(20) >= 4
    sides = [[s.scores[rest & (one.roles == role)] for role in (MEMBER, NON_MEMBER)] for s in (one, other)]
    expected = auc_contrast(*map(tuple, sides), SEEDS.numpy())
    assert (found.n, found.difference, found.p) == (16, pytest.approx(expected.difference), expected.p)
    areas = [roc_auc_score(one.roles[rest] == MEMBER, s.scores[rest]) for s in (one, other)]
    assert [found.value, found.against] == pytest.approx(areas) and areas[0] > areas[1]
    for unlike in (replace(one, roles=np.append(one.roles, MEMBER)), replace(one, scores=np.append(one.scores, 0.0))):
        with pytest.raises(ValueError, match="zip"):
            of_scores(unlike, other, SEEDS)


def test_what_is_shown_holds_for_all_comparisons_together():
    other = values(0.0, seed=1)
    sides = ((values(2.0), other), (values(0), other), (other, values(2.0)), (values(9.0, 4), values(0.0, 4, seed=1)))
    more, none, less, few = (of_patients(*both, SEEDS) for both in sides)
    told = [({"target": name}, one) for name, one in (("more", more), ("less", less), ("none", none), ("few", few))]
    rows = comparison_rows(told)
    assert [row["shown"] for row in rows] == ["higher", "lower", "not shown", "too few patients"]
    assert [row["target"] for row in rows] == ["more", "less", "none", "few"]
    # By itself it is beyond zero; of as many looks as these one may well be.
    slight = of_patients(values(0.75), values(0.0, seed=1), SEEDS)
    assert slight.low > 0 and slight.p < 0.05
    assert comparison_rows([({}, slight)])[0]["shown"] == "higher"
    assert comparison_rows([({}, slight)] + [({}, none)] * 40)[0]["shown"] == "not shown"


NAN = float("nan")


@pytest.mark.parametrize(
    ("found", "shown"),
    [
        ({}, "higher"),
        ({"p": 0.0501}, "not shown"),
        ({"low": 0.0}, "not shown"),
        ({"low": -0.3, "high": 0.0}, "not shown"),
        ({"low": -0.3, "high": -0.1}, "lower"),
        # Pairs without a fault have an interval and a p however few their patients are.
        ({"n": 9}, "too few patients"),
        ({"low": NAN, "high": NAN}, "too few patients"),
        ({"p": NAN}, "too few patients"),
    ],
)
def test_a_difference_is_shown_by_an_interval_beyond_zero_and_p_at_the_level(found, shown):
    at_the_edge = {"n": 10, "value": 0.5, "against": 0.3, "difference": 0.2, "low": 0.1, "high": 0.3, "p": 0.05}
    (row,) = comparison_rows([({"target": "defended"}, Comparison(**at_the_edge | found))])
    assert (row["target"], row["value"], row["against"], row["shown"]) == ("defended", 0.5, 0.3, shown)
