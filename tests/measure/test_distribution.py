"""Entropy, components and kurtosis against scikit-image, scikit-learn and SciPy."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra.numpy import arrays
from scipy import stats
from skimage.measure import shannon_entropy
from sklearn.decomposition import PCA

from remnant.base.errors import RemnantError
from remnant.measure.distribution import at_side, component_kurtosis, fit_components, pixel_entropy


def generator(seed=0):
    return np.random.default_rng(seed)


def test_entropy_of_known_histograms():
    halves = np.zeros((8, 8), np.float32)
    halves[:4] = 1
    every_level = (np.arange(256, dtype=np.float32) / 255).reshape(16, 16)
    assert pixel_entropy(halves[None])[0] == 1
    assert pixel_entropy(np.full((1, 8, 8), 0.3, np.float32))[0] == 0
    assert pixel_entropy(every_level[None])[0] == pytest.approx(8)


@settings(max_examples=30, deadline=None)
@given(arrays(np.uint8, (3, 9, 7)))
def test_entropy_agrees_with_scikit_image_and_sees_no_arrangement(levels):
    found = pixel_entropy((levels / 255).astype(np.float32))
    np.testing.assert_allclose(found, [shannon_entropy(image, base=2) for image in levels], atol=1e-9)
    shuffled = generator().permuted(levels.reshape(3, -1), axis=1).reshape(levels.shape)
    np.testing.assert_allclose(pixel_entropy((shuffled / 255).astype(np.float32)), found, atol=1e-12)


def test_entropy_refuses_what_was_not_clamped():
    with pytest.raises(RemnantError, match="clamp"):
        pixel_entropy(np.full((1, 4, 4), 1.01, np.float32))


def test_at_side_keeps_flat_images_and_means():
    images = np.random.default_rng(0).random((2, 128, 128), dtype=np.float32)
    small = at_side(images)
    assert small.shape == (2, 64, 64)
    np.testing.assert_allclose(small.mean((1, 2)), images.mean((1, 2)), atol=5e-3)
    np.testing.assert_allclose(at_side(np.full((1, 37, 37), 0.4, np.float32)), 0.4, atol=1e-6)


@pytest.mark.parametrize("n", [12, 90])  # fewer and more images than pixels
def test_components_agree_with_scikit_learn(n):
    images = generator(1).random((n, 6, 8)) * np.linspace(0.1, 1, 48).reshape(6, 8)
    found, oracle = fit_components(images, 0.9), PCA(0.9, svd_solver="full").fit(images.reshape(n, -1))
    assert len(found.axes) == oracle.n_components_
    np.testing.assert_allclose(found.shares, oracle.explained_variance_ratio_, atol=1e-9)
    other = generator(2).random((5, 6, 8))
    expected = oracle.transform(other.reshape(5, -1))
    np.testing.assert_allclose(np.abs(found.project(other)), np.abs(expected), atol=1e-8)


def test_components_hold_the_variance_they_promise_and_no_more_than_there_are():
    images = np.zeros((4, 2, 2))
    images[0, 0, 0], images[1, 0, 0], images[2, 1, 1], images[3, 1, 1] = 3, -3, 1, -1
    assert len(fit_components(images, 0.9).axes) == 1  # 18 of 20: just enough
    assert len(fit_components(images, 0.91).axes) == 2
    assert len(fit_components(generator().random((5, 8, 8)), 1.0).axes) == 4
    with pytest.raises(RemnantError, match="differ"):
        fit_components(np.ones((5, 2, 2)))
    with pytest.raises(RemnantError, match="one size"):
        fit_components(images).project(np.zeros((1, 3, 3)))


def test_kurtosis_agrees_with_scipy():
    values = np.column_stack([generator(3).normal(5, 2, 400), generator(4).laplace(-1e4, 1, 400)])
    found = component_kurtosis(values, generator())
    np.testing.assert_allclose(found.components, stats.kurtosis(values, axis=0), rtol=1e-6)
    assert found.mean.mean == pytest.approx(stats.kurtosis(values, axis=0).mean(), rel=1e-6)
    assert (found.low < found.components).all() and (found.components < found.high).all()
    assert found.low[0] < 0 < found.high[0] and found.low[1] > 0.5
    assert found.mean.low < found.mean.mean < found.mean.high and found.mean.n == 400


def test_kurtosis_band_agrees_with_scipys_bootstrap():
    values = generator(5).random((300, 1))  # short tails: two bootstraps agree closely
    oracle = stats.bootstrap(
        (values[:, 0],), stats.kurtosis, n_resamples=4000, method="percentile", vectorized=True, rng=generator(1)
    ).confidence_interval
    found = component_kurtosis(values, generator(), resamples=4000)
    np.testing.assert_allclose([found.low[0], found.high[0]], oracle, atol=0.02)


def test_images_of_one_patient_are_drawn_together():
    once = generator(6).normal(size=(40, 2))
    tenfold, names = np.repeat(once, 10, axis=0), np.repeat(np.arange(40), 10)
    alone, together = component_kurtosis(once, generator(0)), component_kurtosis(tenfold, generator(0), names)
    np.testing.assert_allclose(together.low, alone.low)
    assert together.mean.n == 40
    apart = component_kurtosis(tenfold, generator(0))
    assert (apart.high - apart.low < 0.6 * (alone.high - alone.low)).all()


def test_kurtosis_of_too_few_and_of_images_all_alike():
    few = component_kurtosis(generator().normal(size=(9, 2)), generator())
    assert np.isfinite(few.components).all() and np.isnan(few.low).all() and math.isnan(few.mean.low)
    nobody = component_kurtosis(np.zeros((0, 2)), generator())
    assert math.isnan(nobody.mean.mean) and nobody.mean.n == 0
    alike = component_kurtosis(np.column_stack([np.full(10, 0.1), np.arange(10)]), generator())
    assert math.isnan(alike.components[0]) and math.isfinite(alike.components[1]) and math.isnan(alike.mean.mean)
    assert math.isfinite(alike.low[1])
    with pytest.raises(RemnantError):
        component_kurtosis(np.array([[np.inf, 1.0]]), generator())
