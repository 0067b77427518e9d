"""A trend over doses: seen where there is one, at its level where there is none, and exact by hand."""

import itertools

import numpy as np
import pytest

from remnant.base.errors import RemnantError
from remnant.measure.auc import mann_whitney_auc
from remnant.measure.doses import dose_trend
from remnant.measure.swaps import beyond_other_swaps, dealt_halves


def world(seed, leaks, patients=40, networks=4):
    """Fits of patients who differ, under networks who know their half by the `leaks` of their doses."""
    draw = np.random.default_rng(seed)
    trained = dealt_halves(patients, networks // 2, draw)
    ease = draw.normal(size=(patients, 1))
    values = np.stack([ease + leak * trained + draw.normal(size=trained.shape) for leak in leaks])
    return values, trained


def draw(seed=0):
    return np.random.default_rng(seed)


def test_more_training_that_leaves_more_is_seen():
    found = dose_trend(*world(0, (0.3, 1.0, 2.5)), draw())
    assert found.p < 0.005 and (np.diff(found.aucs) > 0).all() and found.networks == 4
    assert dose_trend(*world(0, (2.5, 1.0, 0.3)), draw()).p > 0.99


@pytest.mark.parametrize("trials", [20, pytest.param(400, marks=pytest.mark.slow)])
def test_without_an_effect_of_the_dose_p_keeps_its_size_whatever_the_training_leaves(trials):
    for leak in (0.0, 1.0):
        p = np.array([dose_trend(*world(seed, (leak,) * 3, patients=16), draw(seed)).p for seed in range(trials)])
        for level in (0.05, 0.5):
            assert abs((p <= level).mean() - level) <= 3 * (level * (1 - level) / trials) ** 0.5


def test_aucs_are_of_the_fit_beyond_networks_of_other_swaps_and_p_counts_all_orders():
    values, trained = world(1, (0.5, 1.0), patients=12)
    found = dose_trend(values, trained, draw())

    def aucs(arranged):
        return [
            np.mean(
                [
                    mann_whitney_auc(one[own], one[~own]).mean
                    for one, own in zip(beyond_other_swaps(part, trained).T, trained.T, strict=True)
                ]
            )
            for part in arranged
        ]

    np.testing.assert_allclose(found.aucs, aucs(values))
    rises = []
    for flips in itertools.product([False, True], repeat=4):
        arranged = values.copy()
        arranged[:, :, list(flips)] = arranged[::-1][:, :, list(flips)]
        rises.append(np.diff(aucs(arranged))[0])
    assert found.p == pytest.approx(np.mean(np.array(rises) >= rises[0] - 1e-12)) and len(rises) == 16


def test_of_many_networks_orders_are_drawn():
    found = dose_trend(*world(0, (0.3, 1.0, 2.5), patients=10, networks=8), draw())
    assert 1 / 20_001 <= found.p < 0.01


def test_what_does_not_fit_is_told():
    values, trained = world(0, (0.0, 1.0))
    for wrong in (
        (values[:1], trained),
        (values[..., :2], trained[:, :2]),
        (values[:, :5], trained),
        (values * np.nan, trained),
    ):
        with pytest.raises(RemnantError, match="trend over doses needs"):
            dose_trend(*wrong, draw())
