"""Reading of an attribute: against independent implementations, and what no leak gives."""

import itertools

import numpy as np
import pytest
from scipy import stats

from remnant.base.errors import RemnantError
from remnant.measure.attributes import read_all, read_gap

DRAW = np.random.default_rng(0)


def youden(called, actual):
    """Sensitivity plus specificity less one."""
    return sum((called == actual)[actual == one].mean() for one in (False, True)) - 1


def gap(called, actual, members):
    return youden(called[members], actual[members]) - youden(called[~members], actual[~members])


def people(n, seed=0):
    draw = np.random.default_rng(seed)
    return draw.random((3, n)) < 0.5


def test_all_is_the_mean_of_both_classes_and_fishers_p():
    called, actual, _ = people(40)
    found = read_all(called, actual)
    assert found.value.mean == pytest.approx(youden(called, actual))
    table = [[(~called & ~actual).sum(), (called & ~actual).sum()], [(~called & actual).sum(), (called & actual).sum()]]
    assert found.p == pytest.approx(stats.fisher_exact(table, "greater").pvalue)
    assert found.value.low < found.value.mean < found.value.high


def test_the_gap_has_the_p_of_all_deals_within_the_classes():
    called, actual, _ = people(10, 3)
    members = np.arange(10) % 2 == 0
    found = read_gap(called, actual, members)
    assert found.value.mean == pytest.approx(gap(called, actual, members))
    dealt = []
    chosen = [
        itertools.combinations(np.flatnonzero(actual == one), int((members & (actual == one)).sum()))
        for one in (False, True)
    ]
    for women, men in itertools.product(*chosen):
        mask = np.isin(np.arange(10), [*women, *men])
        dealt.append(gap(called, actual, mask))
    assert found.p == pytest.approx(np.mean(np.array(dealt) >= found.value.mean - 1e-9))
    assert found.p_both == pytest.approx(np.mean(np.abs(dealt) >= abs(found.value.mean) - 1e-9))


def test_groups_of_other_sexes_are_no_leak():
    """Everybody is called a man: the members, who mostly are, are not read better for it."""
    actual = np.array([True] * 18 + [False] * 2 + [True] * 4 + [False] * 16)
    found = read_gap(np.ones(40, bool), actual, np.arange(40) < 20)
    assert found.value.mean == 0 and found.p == pytest.approx(1)
    assert read_all(np.ones(40, bool), actual).value.mean == 0


def test_no_leak_is_called_one_as_rarely_as_p_says_and_the_interval_holds_it():
    hits, held = 0, 0
    for seed in range(400):
        called, actual, members = people(60, seed)
        found = read_gap(called, actual, members)
        hits += found.p <= 0.05
        held += found.value.low <= 0 <= found.value.high
    assert hits <= 400 * 0.05 + 3 * np.sqrt(400 * 0.05 * 0.95) and held >= 380


def test_who_trained_is_read_and_others_are_not():
    actual = np.tile([True, False], 30)
    members = np.arange(60) < 30
    called = np.where(members, actual, np.tile([True, True, False, False], 15))
    found = read_gap(called, actual, members)
    assert found.value.mean == pytest.approx(1, abs=0.1) and found.value.low > 0 and found.p < 1e-4
    other = read_gap(called, actual, ~members)
    assert other.value.mean < 0 and other.p > 0.99 and other.p_both < 1e-3


def test_where_some_are_known_and_others_guessed_it_is_the_share_that_is_known():
    draw = np.random.default_rng(4)
    actual = draw.random(4_000) < 0.3
    called = np.where(draw.random(4_000) < 0.09, actual, draw.random(4_000) < 0.3)
    found = read_all(called, actual).value
    assert found.mean == pytest.approx(0.09, abs=0.03) and found.low < 0.09 < found.high


def test_too_few_have_no_interval_and_a_class_of_nobody_no_number():
    called, actual, members = np.array([True, False] * 4), np.array([True, False] * 4), np.arange(8) < 4
    few = read_gap(called, actual, members)
    assert few.value.mean == 0 and np.isnan(few.value.low) and np.isnan(read_all(called, actual).value.low)
    assert np.isnan(read_gap(called, np.ones(8, bool), members).value.mean)
    assert np.isnan(read_all(called, np.ones(8, bool)).p)


def test_shapes_that_do_not_fit_are_told():
    with pytest.raises(RemnantError, match="one called and one actual a patient"):
        read_all(np.ones(3, bool), np.ones(4, bool))
    with pytest.raises(RemnantError, match="a member or not"):
        read_gap(np.ones(3, bool), np.ones(3, bool), np.ones(3))
