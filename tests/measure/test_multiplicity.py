"""P-values that hold together, beside statsmodels."""

import numpy as np
import pytest
from statsmodels.stats.multitest import multipletests

from remnant.measure.multiplicity import holm, holm_is_bound


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
