"""P-values that hold together, beside statsmodels."""

import numpy as np
import pytest
from statsmodels.stats.multitest import multipletests

from remnant.measure.multiplicity import holm, holm_is_bound, step_down


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03]).tolist() == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.9]).tolist() == [1, 1] and holm([]).size == 0


def test_holm_is_that_of_statsmodels():
    p_values = np.random.default_rng(0).uniform(0, 0.2, 40)
    assert holm(p_values) == pytest.approx(multipletests(p_values, method="holm")[1])


def test_a_test_of_more_weight_has_more_of_the_level():
    # The first has half of the level, the two others a quarter each; once the first is rejected, half each.
    assert holm([0.02, 0.03, 0.9], [2, 1, 1]).tolist() == pytest.approx([0.04, 0.06, 0.9])
    assert holm([0.02, 0.03, np.nan], [2, 1, 1]).tolist()[:2] == pytest.approx([0.03, 0.03])
    assert holm([0.01, 0.04, 0.03], [5, 5, 5]).tolist() == pytest.approx(holm([0.01, 0.04, 0.03]).tolist())
    assert holm_is_bound([0.02, 0.03, 0.9], [True, False, False], [2, 1, 1]).tolist() == [True, False, False]


def test_a_test_that_could_not_be_made_does_not_count():
    found = holm([0.02, np.nan, 0.04])
    assert np.isnan(found[1]) and found[[0, 2]].tolist() == pytest.approx([0.04, 0.04])


def test_no_p_value_exceeds_one_and_none_falls_below_its_own():
    p_values = np.random.default_rng(0).random(50)
    found = holm(p_values)
    assert (found >= p_values).all() and found.max() <= 1
    assert (np.diff(found[np.argsort(p_values)]) >= 0).all()


def test_whoever_acts_on_them_errs_as_seldom_as_the_level_says():
    drawn = np.random.default_rng(1).random((4000, 5))
    errs = np.mean([holm(p_values).min() <= 0.05 for p_values in drawn])
    assert errs == pytest.approx(0.05, abs=0.012)
    weighted = np.mean([holm(p_values, [4, 1, 1, 1, 1]).min() <= 0.05 for p_values in drawn])
    assert weighted == pytest.approx(0.05, abs=0.012)


def test_an_adjusted_p_value_is_a_bound_where_a_bound_decides_it():
    # The bound 0.01 of three becomes 0.03, which then is also what the next two are at most; 0.5 stands on its own.
    p_values = [0.01, 0.012, 0.5]
    assert holm(p_values).tolist() == pytest.approx([0.03, 0.03, 0.5])
    assert holm_is_bound(p_values, [True, False, False]).tolist() == [True, True, False]
    assert not holm_is_bound(p_values, [False] * 3).any()
    for unmade in (False, True):
        assert holm_is_bound([np.nan, 0.01, 0.02], [unmade, True, False]).tolist() == [False, True, False]
    assert holm_is_bound([], []).size == 0


def test_of_unequal_weights_a_bound_decides_by_its_weight():
    # 0.02 of half of the level comes first, and becomes 0.04; after a bound of 0, which 0.013 may be, it would be 0.03.
    assert holm([0.02, 0.013, 0.9], [2, 1, 1]).tolist() == pytest.approx([0.04, 0.04, 0.9])
    assert holm_is_bound([0.02, 0.013, 0.9], [False, True, False], [2, 1, 1]).tolist() == [True, True, False]
    assert not holm_is_bound([0.02, 0.9, 0.9], [False] * 3, [2, 1, 1]).any()


def test_step_down_by_hand():
    """Two tests dealt together and one beside them, weights 0.5, 0.3 and 0.2: p over weight 0.02, 0.1 and 0.05."""
    dealt = np.array(
        [[0.009, 0.9], [0.8, 0.005], [0.3, 0.029], [0.6, 0.031], [0.5, 0.6], [0.7, 0.2], [0.9, 0.9], [0.4, 0.3], [1, 1]]
    )
    found, unreached = step_down([0.01, 0.03, 0.01], [0.5, 0.3, 0.2], dealt, [0, 1])
    # 0.02: two deals of nine have it or less, 0.2 is beside them. 0.05: the second alone, one deal. 0.1: two deals.
    assert found.tolist() == pytest.approx([3 / 10 + 0.2 * 0.02, 3 / 10 + 0.2 * 0.02, 3 / 10 + 0.2 * 0.02])
    assert unreached.tolist() == [False, False, False]


def test_step_down_counts_those_still_in_question_alone():
    """Of three that are dealt together the smallest is of all, the next of the other two, and the last of itself."""
    draw = np.random.default_rng(0)
    dealt = draw.random((999, 3))
    p = [0.001, 0.02, 0.4]
    found, _ = step_down(p, [1 / 3] * 3, dealt, [0, 1, 2])
    expected = [
        (1 + (dealt[:, own].min(1) <= one).sum()) / 1000 for own, one in zip(([0, 1, 2], [1, 2], [2]), p, strict=True)
    ]
    assert found.tolist() == pytest.approx(expected)
    turned, _ = step_down(p[::-1], [1 / 3] * 3, dealt[:, ::-1], [0, 1, 2])
    assert turned.tolist() == pytest.approx(expected[::-1])
    weighed, _ = step_down(p, [0.2, 0.3, 0.5], dealt, [0, 1, 2])
    first = (1 + ((dealt / [0.2, 0.3, 0.5]).min(1) <= 0.001 / 0.2).sum()) / 1000
    assert weighed[0] == pytest.approx(first)


def test_step_down_counts_deals_that_tie_whatever_their_precision():
    """Counts have few p-values: that which was seen comes again and again, rounded to single precision up or down."""
    for p in np.random.default_rng(0).random(50):
        found, unreached = step_down([p, 1.0], [0.5, 0.5], np.tile(np.float32([p, 1.0]), (99, 1)), [0, 1])
        assert found[0] == 1.0 and not unreached[0], p


def test_step_down_of_independent_tests_is_about_holm_and_of_one_test_many_times_its_own_p():
    draw = np.random.default_rng(0)
    p, weights = [0.002, 0.01, 0.3, 0.7], [0.4, 0.3, 0.2, 0.1]
    apart, _ = step_down(p, weights, draw.random((50_000, 4)), [0, 1, 2, 3])
    assert apart[:2] == pytest.approx(holm(p, weights)[:2], rel=0.1) and (apart <= 1).all()
    same, _ = step_down([0.01] * 4, [0.25] * 4, np.repeat(draw.random((50_000, 1)), 4, axis=1), [0, 1, 2, 3])
    assert same == pytest.approx([0.01] * 4, rel=0.1)
    assert holm([0.01] * 4) == pytest.approx([0.04] * 4)


def test_step_down_without_deals_of_any_is_holm():
    p, weights = [0.02, 0.001, 0.6], [0.5, 0.25, 0.25]
    found, unreached = step_down(p, weights, np.empty((10, 0)), [])
    assert found == pytest.approx(holm(p, weights)) and not unreached.any()


def test_step_down_says_where_no_deal_falls_so_low_and_never_falls_below_p():
    dealt = np.linspace(0.1, 1, 9)[:, None]
    found, unreached = step_down([0.05, 0.4], [0.5, 0.5], dealt, [0])
    assert unreached.tolist() == [True, False] and found[0] == pytest.approx(1 / 10 + 0.5 * 0.1)
    alone, reached = step_down([0.1], [1.0], dealt, [0])
    assert alone.tolist() == [0.2] and not reached.any()
    above, _ = step_down([0.9], [1.0], np.full((9, 1), 0.95), [0])
    assert above.tolist() == [0.9]
    most, _ = step_down([0.5, 0.9], [0.5, 0.5], np.full((9, 1), 0.01), [0])
    assert most.tolist() == [1.0, 1.0]
