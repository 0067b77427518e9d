"""Moments of either side, the priors of all images, and what holds for every score by shadow models."""

import numpy as np
import pytest
from scipy import special
from sklearn.metrics import roc_auc_score
from tests.measure.shadowed import world

from remnant.base.errors import RemnantError
from remnant.measure.bavaria import bavaria, bavaria_offline
from remnant.measure.hierarchical import hierarchical
from remnant.measure.lira import lira, lira_offline, lira_queries
from remnant.measure.rmia import rmia
from remnant.measure.sides import Side, mean_prior, variance_prior


def by_queries(fit, fits, trained, **given):
    return lira_queries(fit[:, None], fits[:, :, None], trained, **given)


SCORES = (lira, lira_offline, by_queries, bavaria, bavaria_offline, hierarchical)


@pytest.mark.parametrize("score", SCORES)
def test_where_a_signal_begins_and_its_unit_do_not_matter(score):
    fit, fits, trained, _ = world(0)
    np.testing.assert_allclose(score(3 * fit + 5, 3 * fits + 5, trained), score(fit, fits, trained), atol=1e-6)


@pytest.mark.parametrize("score", SCORES)
def test_the_order_of_images_and_of_models_does_not_matter(score):
    fit, fits, trained, _ = world(0)
    rows, columns = np.random.default_rng(0).permutation(60), np.random.default_rng(1).permutation(8)
    again = score(fit[rows], fits[rows][:, columns], trained[rows][:, columns])
    np.testing.assert_allclose(again, score(fit, fits, trained)[rows])


def ratio(fit, fits, trained):
    return rmia(special.expit(fit), special.expit(fits), trained, online=True)


@pytest.mark.parametrize("score", [*SCORES, ratio])
@pytest.mark.parametrize("pooled", [True, False, None])
def test_of_several_deals_at_once_each_is_as_by_itself(score, pooled):
    given = {"pooled": pooled} if score in (lira, lira_offline, by_queries) else {}
    if pooled is not None and not given:
        return
    fit, fits, trained, _ = world(0)
    alone = np.arange(fits.shape[1]) == np.arange(len(fit))[:, None] % fits.shape[1]
    # As trained, of one model on a side, and of numbers that differ between images.
    many = np.array([trained, ~trained, alone, trained ^ (trained.cumsum(1) == 2), ~alone])
    # Of a single model on either side nothing has a spread.
    for several, own in ((many, fits), (np.dstack([many[:2, :, 0], ~many[:2, :, 0]]), fits[:, :2])):
        found = score(fit, own, several[:, None], **given)
        assert found.shape == (len(several), 1, len(fit))
        for (one,), by_itself in zip(found, several, strict=True):
            np.testing.assert_allclose(one, score(fit, own, by_itself, **given), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("score", SCORES)
def test_one_model_a_side_gives_finite_scores(score):
    fit, fits, trained, own = world(0, patients=170, swaps=1, leak=3.0)
    found = score(fit, fits, trained)
    assert np.isfinite(found).all() and roc_auc_score(own, found) > 0.7


@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize("kind", ["all alike", "half alike", "one image", "far out"])
def test_signals_without_a_spread_give_finite_scores(score, kind):
    fit, fits, trained, _ = world(0, patients=1 if kind == "one image" else 60)
    if kind == "all alike":
        fit, fits = np.zeros_like(fit), np.zeros_like(fits)
    if kind == "half alike":
        fit[::2], fits[::2] = 1.0, 1.0
    if kind == "far out":
        fit = fit + 1e6
    assert np.isfinite(score(fit, fits, trained)).all()


@pytest.mark.parametrize("score", SCORES)
def test_an_image_on_one_side_of_all_is_told(score):
    fit, fits, trained, _ = world(0)
    trained[3] = True
    with pytest.raises(RemnantError, match=r"Image 3 has no model on one side; a patient must be left out by some"):
        score(fit, fits, trained)


def drawn(degrees, value, count, each, seed=0):
    """Sides of images whose variances are `value` times `degrees` over a chi-square."""
    draw = np.random.default_rng(seed)
    variances = degrees * value / draw.chisquare(degrees, count)
    squares = variances * draw.chisquare(each, count)
    return Side(np.full(count, each + 1), np.zeros(count), squares)


@pytest.mark.parametrize("degrees", [3.0, 10.0])
def test_the_prior_of_variances_is_found_again(degrees):
    found = variance_prior(*(drawn(degrees, 2.0, 20_000, each, each) for each in (3, 4)))
    assert found == pytest.approx((degrees, 2.0), rel=0.1)


def test_variances_that_are_all_one_are_taken_for_certain():
    same = Side(np.full(5000, 4), np.zeros(5000), 2.0 * np.random.default_rng(2).chisquare(3, 5000))
    degrees, value = variance_prior(same)
    assert degrees > 100 and value == pytest.approx(2.0, rel=0.05)


def test_signals_of_which_half_have_no_spread_leave_a_prior_of_one_degree():
    squares = np.random.default_rng(0).chisquare(3, 60) * (np.arange(60) % 2)
    degrees, value = variance_prior(Side(np.full(60, 4), np.zeros(60), squares))
    assert degrees == 1.0 and value > 0


def test_the_moments_of_the_prior_of_variances_by_hand():
    """Smyth 2004: trigamma(d0 / 2) is the spread of log variances beyond their own noise."""
    side = drawn(4.0, 1.0, 300, 3)
    degrees, value = variance_prior(side)
    logs = np.log(side.squares / 3) - special.digamma(1.5) + np.log(1.5)
    assert special.polygamma(1, degrees / 2) == pytest.approx(logs.var(ddof=1) - special.polygamma(1, 1.5))
    assert np.log(value) == pytest.approx(logs.mean() + special.digamma(degrees / 2) - np.log(degrees / 2))


def test_means_that_do_not_differ_beyond_their_noise_are_worth_much():
    draw = np.random.default_rng(0)
    means = draw.normal(1, np.sqrt(2.0 + 0.5), 50_000)
    assert mean_prior(means, np.full(50_000, 0.5), 1.0) == pytest.approx((1.0, 0.5), rel=0.05)
    assert mean_prior(means / 10, np.full(50_000, 0.5), 1.0)[1] == pytest.approx(100)
