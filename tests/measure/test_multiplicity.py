import numpy as np
import pytest

from remnant.measure.multiplicity import holm


def test_holms_own_order_of_steps():
    # 0.01 * 4, then 0.02 * 3, 0.03 * 2 (no less than the one before), 0.04 * 1 likewise
    np.testing.assert_allclose(holm([0.03, 0.01, 0.04, 0.02]), [0.06, 0.04, 0.06, 0.06])


def test_a_test_that_could_not_be_made_is_not_counted():
    found = holm([0.02, np.nan, 0.5])
    np.testing.assert_allclose(found[[0, 2]], [0.04, 0.5])
    assert np.isnan(found[1])
    assert len(holm([])) == 0


def test_no_p_value_exceeds_one_and_none_falls_below_its_own():
    p_values = np.random.default_rng(0).random(50)
    found = holm(p_values)
    assert (found >= p_values).all() and found.max() <= 1
    assert (np.diff(found[np.argsort(p_values)]) >= 0).all()


def test_whoever_acts_on_them_errs_as_seldom_as_the_level_says():
    drawn = np.random.default_rng(1).random((4000, 5))
    errs = np.mean([holm(p_values).min() <= 0.05 for p_values in drawn])
    assert errs == pytest.approx(0.05, abs=0.012)
