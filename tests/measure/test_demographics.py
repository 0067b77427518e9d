"""Skill of ages and sexes against scikit-learn, with intervals that cover and a rule that asks for them."""

import math

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics

from remnant.base.errors import RemnantError
from remnant.measure.demographics import age_skill, describe_usable, sex_skill, usable


def generator(seed=0):
    return np.random.default_rng(seed)


def ages(n=200, error=6.0, seed=0):
    random = generator(seed)
    actual = random.uniform(20, 90, n)
    return actual + random.normal(0, error, n), actual


def test_age_skill_agrees_with_scikit_learn():
    predicted, actual = ages()
    found = age_skill(predicted, actual, 50, generator())
    assert found.mae.mean == pytest.approx(metrics.mean_absolute_error(actual, predicted))
    assert found.rmse.mean == pytest.approx(metrics.root_mean_squared_error(actual, predicted))
    assert found.r2.mean == pytest.approx(metrics.r2_score(actual, predicted))
    assert found.guess_mae == pytest.approx(metrics.mean_absolute_error(actual, np.full(200, 50)))
    for one in (found.mae, found.rmse, found.r2):
        assert one.low < one.mean < one.high and one.n == 200


def test_r2_interval_agrees_with_scipys_bootstrap():
    predicted, actual = ages(10, 25)  # so few that each resample's own mean counts

    def r2(actual, predicted, axis):
        left = ((actual - predicted) ** 2).sum(axis)
        return 1 - left / ((actual - actual.mean(axis, keepdims=True)) ** 2).sum(axis)

    oracle = stats.bootstrap(
        (actual, predicted), r2, paired=True, n_resamples=20_000, method="percentile", confidence_level=0.5, rng=1
    ).confidence_interval
    found = age_skill(predicted, actual, 50, generator(), level=0.5, resamples=20_000).r2
    np.testing.assert_allclose([found.low, found.high], oracle, atol=0.015)


def test_sex_skill_agrees_with_scikit_learn():
    random = generator(1)
    actual = random.random(150) < 0.7
    male = (actual + random.normal(0, 0.6, 150)).clip(0, 1)
    found = sex_skill(male, actual)
    assert found.accuracy.mean == pytest.approx(metrics.accuracy_score(actual, male >= 0.5))
    assert found.balanced.mean == pytest.approx(metrics.balanced_accuracy_score(actual, male >= 0.5))
    assert found.auc.mean == pytest.approx(metrics.roc_auc_score(actual, male))
    assert (found.confusion == metrics.confusion_matrix(actual, male >= 0.5)).all()
    assert found.guess_accuracy == pytest.approx(max(actual.mean(), 1 - actual.mean()))


@pytest.mark.parametrize("rates", [(0.9, 0.8), (1.0, 0.95), (0.5, 0.5)])
def test_balanced_accuracy_covers_the_truth(rates):
    random, hits = generator(3), []
    actual = np.arange(50) < 30
    for _ in range(400):
        right = random.random(50) < np.where(actual, rates[1], rates[0])
        found = sex_skill(np.where(right, actual, ~actual).astype(float), actual).balanced
        hits.append(found.low <= np.mean(rates) <= found.high)
    assert np.mean(hits) > 0.94


def test_a_perfect_score_still_has_a_width():
    actual = np.arange(20) < 10
    found = sex_skill(actual.astype(float), actual)
    assert found.balanced.mean == found.balanced.high == 1 and 0.7 < found.balanced.low < 0.85
    assert found.auc.low < 1


def test_usable_asks_the_lower_end():
    assert usable(age_skill(*ages(), 50, generator()))
    noise = age_skill(generator(1).uniform(20, 90, 200), ages()[1], 50, generator())
    assert not usable(noise) and noise.r2.mean < 0
    few = age_skill(*ages(10, 11), 50, generator())
    assert few.r2.mean > 0.5 and not usable(few)
    assert describe_usable(few).startswith("not usable: R2 0.") and "on 10 patients" in describe_usable(few)
    actual = np.arange(400) % 2 == 0
    assert describe_usable(sex_skill(actual.astype(float), actual)).startswith("usable: balanced accuracy 1.00")
    lopsided = np.arange(400) < 380
    majority = sex_skill(np.ones(400), lopsided)
    assert majority.accuracy.low > 0.9 and not usable(majority)


def test_too_few():
    nobody = age_skill(np.array([]), np.array([]), 50, generator())
    assert math.isnan(nobody.mae.mean) and math.isnan(nobody.r2.mean) and not usable(nobody)
    assert describe_usable(nobody) == "not usable: 0 validation patients give no interval of R2"
    twins = age_skill(np.linspace(30, 50, 10), np.full(10, 40.0), 50, generator())
    assert math.isnan(twins.r2.mean) and math.isfinite(twins.mae.low)
    few = age_skill(*ages(9), 50, generator())
    assert math.isfinite(few.r2.mean) and math.isnan(few.r2.low) and math.isnan(few.mae.low) and not usable(few)
    men = sex_skill(np.array([0.9, 0.4]), np.array([True, True]))
    assert men.accuracy.mean == 0.5 and math.isnan(men.balanced.mean) and math.isnan(men.auc.mean)
    assert not usable(men)
    assert math.isnan(sex_skill(np.array([]), np.array([], dtype=bool)).accuracy.mean)
    with pytest.raises(RemnantError, match="finite"):
        age_skill(np.array([math.nan]), np.array([4.0]), 50, generator())
    with pytest.raises(RemnantError, match="truth"):
        sex_skill(np.array([0.5]), np.array([1]))
