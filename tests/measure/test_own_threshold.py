"""A threshold of a patient's own: by hand, and a false positive rate that holds for who is easy as for who is not."""

import numpy as np
import pytest
from scipy import stats
from tests.measure.shadowed import world

from remnant.base.errors import RemnantError
from remnant.measure.own_threshold import own_p, own_p_of_networks, rate_carried
from remnant.measure.swaps import dealt_halves


def test_by_hand_where_all_patients_have_one_spread():
    """Levels of networks and of the model change nothing, and a spread that all share has as many degrees as all together
    have."""
    draw = np.random.default_rng(0)
    fit, fits, trained, own = world(0, patients=400, swaps=6, spread=0.0)
    found = own_p(fit, fits, trained, ~own)
    out = np.array([fits[i, ~trained[i]] for i in range(400)])
    plain = (fit - out.mean(1)) / np.sqrt(1 + 1 / 6)
    assert np.corrcoef(stats.norm.isf(found), plain)[0, 1] > 0.98 and abs(stats.norm.isf(found)[~own].mean()) < 0.02
    moved = own_p(fit + 5, fits + draw.normal(size=12), trained, ~own)
    assert np.allclose(found, moved)


def test_the_rate_holds_for_who_is_easy_and_for_who_is_noisy():
    """One threshold for all is passed by patients whose fit spreads the most."""
    hits, common, noisy = np.zeros(400), np.zeros(400), None
    for seed in range(120):
        draw = np.random.default_rng(seed)
        spread = np.repeat([0.3, 3.0], 200)
        trained = dealt_halves(400, 8, draw)
        fits = np.linspace(-3, 3, 400)[:, None] + spread[:, None] * (draw.normal(size=(400, 16)) + trained)
        fit = np.linspace(-3, 3, 400) + spread * draw.normal(size=400)
        hits += own_p(fit, fits, trained, np.ones(400, dtype=bool)) <= 0.1
        beyond = fit - np.array([row[~own].mean() for row, own in zip(fits, trained, strict=True)])
        common += beyond >= np.quantile(beyond, 0.9)
        noisy = spread > 1
    # Where spreads are of two kinds, ten times apart, drawing them together leaves some of that.
    assert 0.06 < hits[~noisy].mean() / 120 < hits[noisy].mean() / 120 < 0.13
    assert common[~noisy].mean() / 120 < 0.01 and common[noisy].mean() / 120 > 0.18


def test_networks_without_a_patient_pass_his_threshold_as_often_as_it_says_and_with_him_more_often():
    rates = []
    for seed in range(30):
        _, fits, trained, _ = world(seed, patients=100, swaps=6, leak=2.0)
        found = own_p_of_networks(fits, trained)
        rates.append([(found[side] <= rate).mean() for rate in (0.1, 0.01) for side in (~trained, trained)])
    low, high, rare, told = np.mean(rates, axis=0)
    assert 0.09 < low < 0.11 and 0.005 < rare < 0.015
    assert high > 0.6 and told > 0.15


def test_no_network_of_a_swap_is_measured_by_that_swap():
    _, fits, trained, _ = world(0, patients=40, swaps=4)
    found = own_p_of_networks(fits, trained)
    other = fits.copy()
    other[:, 1] += 7
    assert np.allclose(own_p_of_networks(other, trained)[:, 0], found[:, 0])
    assert np.allclose(
        found[:, 3], own_p(fits[:, 3], np.delete(fits, [2, 3], 1), np.delete(trained, [2, 3], 1), ~trained[:, 3])
    )


@pytest.mark.parametrize(
    ("rate", "patients", "networks", "carried"),
    [(0.1, 25, 4, True), (0.1, 24, 4, False), (0.01, 170, 8, True), (0.01, 170, 4, False)],
)
def test_a_rate_that_too_few_networks_could_show_is_not_carried(rate, patients, networks, carried):
    assert rate_carried(rate, patients, networks) is carried


def test_who_is_in_every_network_is_refused():
    with pytest.raises(RemnantError, match="no model on one side"):
        own_p(np.zeros(3), np.zeros((3, 4)), np.ones((3, 4), dtype=bool), np.ones(3, dtype=bool))
