"""LiRA by hand: normals of each image, one variance of all, and multivariate normals of several queries."""

import math

import numpy as np
import pytest
from scipy import stats
from tests.measure.shadowed import world

from remnant.measure.lira import MANY, RIDGE, lira, lira_offline, lira_queries


def test_it_is_the_ratio_of_two_normals_of_each_image():
    fit, fits, trained, _ = world(0)
    for i in range(len(fit)):
        one, other = fits[i, trained[i]], fits[i, ~trained[i]]
        expected = stats.norm.logpdf(fit[i], one.mean(), one.std()) - stats.norm.logpdf(
            fit[i], other.mean(), other.std()
        )
        assert lira(fit, fits, trained, pooled=False)[i] == pytest.approx(expected)
        tail = -math.log(stats.norm.sf(fit[i], other.mean(), other.std()))
        assert lira_offline(fit, fits, trained, pooled=False)[i] == pytest.approx(tail)


def pooled(sides):
    """One standard deviation of all images, by hand."""
    return math.sqrt(sum(((one - one.mean()) ** 2).sum() for one in sides) / sum(len(one) - 1 for one in sides))


def test_of_few_models_one_variance_is_of_all_images():
    fit, fits, trained, _ = world(0)
    inside, out = ([fits[i, side[i]] for i in range(len(fit))] for side in (trained, ~trained))
    expected = [
        stats.norm.logpdf(fit[i], inside[i].mean(), pooled(inside))
        - stats.norm.logpdf(fit[i], out[i].mean(), pooled(out))
        for i in range(len(fit))
    ]
    np.testing.assert_allclose(lira(fit, fits, trained), expected)
    offline = lira_offline(fit, fits, trained)
    np.testing.assert_allclose(
        offline, [-stats.norm.logsf(fit[i], out[i].mean(), pooled(out)) for i in range(len(fit))]
    )
    # By as many models each, that is the order of difference calibration.
    assert (np.argsort(offline) == np.argsort(fit - [one.mean() for one in out])).all()
    many = [np.tile(values, MANY // 8) for values in (fits, trained)]
    np.testing.assert_allclose(lira(fit, *many), lira(fit, *many, pooled=False))


def test_a_fit_far_beyond_all_models_is_not_infinitely_unlikely():
    found = lira_offline(np.array([1e3, 0.0]), np.array([[0.0, 1.0], [0.0, 1.0]]), np.zeros((2, 2), dtype=bool))
    assert np.isfinite(found).all() and found[0] > 1e5


def ridged(covariance):
    return covariance + RIDGE * np.trace(covariance) / len(covariance) * np.eye(len(covariance))


@pytest.mark.parametrize("one_for_all", [True, False])
def test_several_queries_are_multivariate_normals(one_for_all):
    fit, fits, trained, _ = world(1, patients=30, swaps=8, queries=3)
    sides = [[fits[i, side[i]] for i in range(len(fit))] for side in (trained, ~trained)]

    def covariance(side, i):
        if not one_for_all:
            return ridged(np.cov(side[i].T, ddof=0))
        about = np.concatenate([one - one.mean(0) for one in side])
        return ridged(about.T @ about / sum(len(one) - 1 for one in side))

    expected = [
        stats.multivariate_normal.logpdf(fit[i], sides[0][i].mean(0), covariance(sides[0], i))
        - stats.multivariate_normal.logpdf(fit[i], sides[1][i].mean(0), covariance(sides[1], i))
        for i in range(len(fit))
    ]
    np.testing.assert_allclose(lira_queries(fit, fits, trained, pooled=one_for_all), expected, rtol=1e-6)


def test_one_query_is_lira_and_few_models_have_one_covariance():
    fit, fits, trained, _ = world(1, queries=4)
    for one_for_all in (True, False):
        alone = lira_queries(fit[:, :1], fits[:, :, :1], trained, pooled=one_for_all)
        np.testing.assert_allclose(alone, lira(fit[:, 0], fits[:, :, 0], trained, pooled=one_for_all), atol=1e-4)
    np.testing.assert_allclose(lira_queries(fit, fits, trained), lira_queries(fit, fits, trained, pooled=True))
    # Of 32 models 16 are on a side, of which no covariance of four queries is known, and one of three is.
    many = [np.concatenate([values] * 4, axis=1) for values in (fits, trained)]
    assert np.array_equal(lira_queries(fit, *many), lira_queries(fit, *many, pooled=True))
    three = [fit[:, :3], many[0][:, :, :3], many[1]]
    assert np.array_equal(lira_queries(*three), lira_queries(*three, pooled=False))
