"""The Frechet distance against scipy.linalg.sqrtm and closed forms; its floor against what it is a floor of."""

import math

import numpy as np
import pytest
from scipy.linalg import sqrtm

from remnant.base.errors import RemnantError
from remnant.measure.frechet import frechet_distance, frechet_with_floor


def generator(seed=0):
    return np.random.default_rng(seed)


def by_sqrtm(left, right):
    c, d = (np.cov(features, rowvar=False) for features in (left, right))
    shift = left.mean(0) - right.mean(0)
    return shift @ shift + np.trace(c + d) - 2 * np.trace(sqrtm(c @ d)).real


@pytest.mark.parametrize(("n", "m"), [(200, 150), (200, 5)])
def test_agrees_with_the_matrix_square_root(n, m):
    left, right = generator(1).normal(size=(n, 8)), generator(2).normal(0.5, 2, size=(m, 8)) @ np.diag(range(1, 9))
    assert frechet_distance(left, right) == pytest.approx(by_sqrtm(left, right), rel=1e-6)


def test_one_feature_has_a_closed_form():
    left, right = generator(1).normal(0, 1, (50, 1)), generator(2).normal(3, 2, (9, 1))
    means, deviations = zip(*[(part.mean(), part.std(ddof=1)) for part in (left, right)], strict=True)
    expected = (means[0] - means[1]) ** 2 + (deviations[0] - deviations[1]) ** 2
    assert frechet_distance(left, right) == pytest.approx(expected)


def test_fewer_images_than_features():
    left = generator(1).normal(size=(10, 300))
    assert frechet_distance(left, left) == pytest.approx(0, abs=1e-9)
    assert frechet_distance(left, left + 1) == pytest.approx(300)
    assert frechet_distance(left, 3 * left) == pytest.approx(
        np.square(2 * left.mean(0)).sum() + 4 * np.trace(np.cov(left.T))
    )
    assert frechet_distance(left, generator(2).normal(size=(7, 300))) == pytest.approx(
        frechet_distance(generator(2).normal(size=(7, 300)), left)
    )


def test_floor_is_what_real_images_give_and_what_few_images_cost():
    real = generator(1).normal(size=(120, 20))
    alike = frechet_with_floor(generator(2).normal(size=(300, 20)), real, generator())
    assert (alike.n, alike.m, alike.size) == (300, 120, 60)
    assert alike.matched == pytest.approx(alike.floor, rel=0.15)
    assert alike.floor_low < alike.floor < alike.floor_high
    assert alike.distance < alike.floor  # more images, less bias: why the two must not be compared
    other = frechet_with_floor(generator(2).normal(1, size=(40, 20)), real, generator())
    assert other.size == 40 and other.matched > 2 * other.floor


def test_halves_share_no_patient():
    """Ten images of each patient, all the same: halves that shared patients would lie too near each other."""
    once = generator(1).normal(size=(20, 5))
    real, names = np.repeat(once, 10, axis=0), np.repeat(np.arange(20), 10)
    by_patient = frechet_with_floor(real, real, generator(), names)
    by_image = frechet_with_floor(real, real, generator())
    assert by_patient.size == by_image.size == 100
    assert by_patient.floor > 3 * by_image.floor


def test_too_few():
    found = frechet_with_floor(generator().normal(size=(9, 4)), generator(1).normal(size=(3, 4)), generator())
    assert math.isfinite(found.distance) and math.isnan(found.floor) and math.isnan(found.matched)
    for wrong in (np.zeros((1, 4)), np.zeros((5, 3)), np.full((5, 4), np.nan)):
        with pytest.raises(RemnantError):
            frechet_distance(np.zeros((5, 4)), wrong)
