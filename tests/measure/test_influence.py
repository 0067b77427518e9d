"""The influence of an image on its own loss: by the inverse itself, and by training again without the image."""

import numpy as np
import pytest

from remnant.base.errors import RemnantError
from remnant.measure.influence import self_influence


@pytest.mark.parametrize(("n", "weights"), [(6, 40), (40, 6), (5, 5)])
def test_it_is_the_form_of_the_damped_inverse(n, weights):
    rows = np.random.default_rng(0).normal(size=(n, weights)) * np.arange(1, n + 1)[:, None]
    fisher = rows.T @ rows / n
    mean = np.trace(fisher) / min(n, weights)
    inverse = np.linalg.inv(fisher + 0.3 * mean * np.eye(weights))
    found = self_influence(rows, 0.3)
    np.testing.assert_allclose(found, [row @ inverse @ row for row in rows])
    assert (found > 0).all() and (found < n).all()
    np.testing.assert_allclose(self_influence(1e-6 * rows, 0.3), found)


def test_of_a_regression_it_foretells_how_much_worse_an_image_is_fit_by_a_training_without_it():
    """Squared loss: the Hessian is the Fisher information of unit noise."""
    draw = np.random.default_rng(1)
    inputs = draw.normal(size=(60, 5))
    answers = inputs @ draw.normal(size=5) + draw.normal(size=60)
    weights, *_ = np.linalg.lstsq(inputs, answers, rcond=None)
    left = answers - inputs @ weights
    worse = []
    for i in range(60):
        others = np.arange(60) != i
        again, *_ = np.linalg.lstsq(inputs[others], answers[others], rcond=None)
        worse.append((answers[i] - inputs[i] @ again) ** 2 - left[i] ** 2)
    found = self_influence(inputs * left[:, None])
    assert np.corrcoef(np.argsort(np.argsort(found)), np.argsort(np.argsort(worse)))[0, 1] > 0.9


def test_without_a_gradient_there_is_none_and_what_does_not_fit_is_refused():
    assert np.array_equal(self_influence(np.zeros((3, 2))), np.zeros(3))
    for rows in (np.zeros(3), np.zeros((0, 2)), np.full((2, 2), np.nan)):
        with pytest.raises(RemnantError, match="a row of finite values an image"):
            self_influence(rows)
    with pytest.raises(RemnantError, match="a damping above 0"):
        self_influence(np.ones((2, 2)), 0)
