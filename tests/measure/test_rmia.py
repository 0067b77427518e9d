"""RMIA by hand, and why its population is not needed."""

import numpy as np
import pytest
from scipy import special
from tests.measure.shadowed import world

from remnant.measure.rmia import rmia


def probabilities(seed=0):
    fit, fits, trained, own = world(seed)
    return special.expit(fit), special.expit(fits), trained, own


def test_the_ratio_is_to_the_mean_of_both_sides_or_what_is_guessed_of_it():
    p, others, trained, _ = probabilities()
    for i in range(5):
        out, inside = others[i, ~trained[i]].mean(), others[i, trained[i]].mean()
        assert rmia(p, others, trained, online=True)[i] == pytest.approx(np.log(p[i] / ((out + inside) / 2)))
        assert rmia(p, others, trained, online=False)[i] == pytest.approx(np.log(p[i] / (0.65 * out + 0.35)))


@pytest.mark.parametrize("gamma", [1.0, 2.0])
def test_the_share_of_a_population_that_an_image_dominates_has_no_other_order(gamma):
    p, others, trained, _ = probabilities()
    ratio = np.exp(rmia(p, others, trained, online=True))
    population = np.exp(rmia(*probabilities(1)[:3], online=True))
    shares = np.array([np.mean([one / z >= gamma for z in population]) for one in ratio])
    assert (np.diff(shares[np.argsort(ratio)]) >= 0).all() and len(np.unique(shares)) > 3


def test_a_probability_of_nothing_is_no_infinity():
    found = rmia(np.array([0.0, 1.0]), np.zeros((2, 2)), np.array([[True, False]] * 2), online=True)
    assert np.isfinite(found).all()
