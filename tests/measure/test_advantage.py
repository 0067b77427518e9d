"""Membership advantage: right on average, and with intervals that cover the truth."""

import itertools
import math
import time
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import roc_curve
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

from remnant.base.errors import RemnantError
from remnant.measure.advantage import (
    above_rate,
    advantage_p,
    advantage_threshold,
    least_p,
    membership_advantage,
    rate_difference,
    wilson,
)

# Of a shift by one standard deviation: the largest difference of two normal tails.
SHIFTED = 2 * stats.norm.cdf(0.5) - 1


@pytest.mark.parametrize(("shift", "true"), [(0.0, 0.0), (1.0, SHIFTED)])
def test_the_interval_covers_the_best_threshold(shift, true):
    draw = np.random.default_rng(1)
    found = [
        membership_advantage(draw.normal(shift, 1, 40), draw.normal(0, 1, 40), draw).interval() for _ in range(300)
    ]
    assert np.mean([one.low > true for one in found]) <= 0.05
    assert np.mean([one.high < true for one in found]) <= 0.025
    # A threshold learned on half of them is a little less than the best.
    assert true - 0.06 < np.mean([one.mean for one in found]) < true + 0.01


def test_groups_apart_have_all_of_it_and_equal_ones_nothing():
    draw = np.random.default_rng(0)
    assert membership_advantage(np.arange(20) + 100.0, np.arange(20.0), draw).interval().mean == 1
    assert membership_advantage(np.zeros(20), np.zeros(20), draw).interval().mean == 0


def halved(members, others, draw):
    """TPR - FPR of one halving: each half judged by the threshold that is best on the other."""
    own, rest = (np.array_split(draw.permutation(group), [(len(group) + 1) // 2]) for group in (members, others))
    gain = 0.0
    for part in range(2):
        threshold = advantage_threshold(own[1 - part], rest[1 - part])
        gain += (own[part] > threshold).sum() / len(members) - (rest[part] > threshold).sum() / len(others)
    return gain


@pytest.mark.parametrize(("m", "n", "digits"), [(40, 43, 9), (13, 31, 9), (35, 24, 0)])
def test_the_advantage_is_the_mean_over_halvings_and_hardly_depends_on_their_draw(m, n, digits):
    draw = np.random.default_rng(2)
    members, others = draw.normal(1, 1, m).round(digits), draw.normal(0, 1, n).round(digits)
    single = [halved(members, others, draw) for _ in range(2000)]
    found = [membership_advantage(members, others, draw).interval().mean for _ in range(8)]
    assert np.mean(found) == pytest.approx(np.mean(single), abs=4 * np.std(single) / np.sqrt(2000))
    assert np.std(single) > 0.04
    assert np.ptp(found) < 0.02


def test_a_draw_of_halves_costs_many_patients_seconds_at_most_and_is_the_same_for_one_seed():
    draw = np.random.default_rng(4)
    members, others = draw.normal(0.2, 1, 32_000), draw.normal(0, 1, 32_000)
    started = time.process_time()
    found = membership_advantage(members, others, np.random.default_rng(0))
    assert time.process_time() - started < 5
    assert found == membership_advantage(members, others, np.random.default_rng(0))
    # Of so many a threshold learned on half is as good as the best.
    assert found.interval().mean == pytest.approx(2 * stats.norm.cdf(0.1) - 1, abs=0.012)


def test_the_interval_of_a_difference_is_newcombes():
    ours = rate_difference(56, 70, 48, 80)
    low, high = confint_proportions_2indep(56, 70, 48, 80, method="newcomb", compare="diff")
    assert (ours.low, ours.high) == pytest.approx((low, high), abs=1e-9)
    assert ours.mean == pytest.approx(0.2) and ours.n == 150
    for m, n in ((9, 80), (70, 9)):
        few = rate_difference(5, m, 6, n)
        assert few.mean == pytest.approx(5 / m - 6 / n) and np.isnan(few.low) and np.isnan(few.high) and few.n == m + n


@pytest.mark.parametrize(("k", "n"), [(0, 12), (1, 12), (7, 40), (12, 12)])
@pytest.mark.parametrize("level", [0.9, 0.99])
def test_the_interval_of_a_share_is_that_of_statsmodels(k, n, level):
    assert wilson(k, n, level) == pytest.approx(proportion_confint(k, n, alpha=1 - level, method="wilson"), abs=1e-12)


def test_the_least_p_is_one_deal_of_all():
    assert least_p(3, 4) == pytest.approx(1 / 35)
    apart = np.arange(20.0)
    assert (
        advantage_p(apart + 100, apart) == pytest.approx(1 / math.comb(40, 20)) and advantage_p(apart, apart + 100) == 1
    )


@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.integers(0, 4), min_size=1, max_size=30),
    st.lists(st.integers(0, 4), min_size=1, max_size=30),
    st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.9, 1.0]),
)
def test_true_positives_at_a_rate_are_on_the_line_between_corners_of_the_curve(members, others, rate):
    false, true, _ = roc_curve([1] * len(members) + [0] * len(others), members + others, drop_intermediate=False)
    # The upper end where the curve rises steeply.
    oracle = np.interp(rate + 1e-9, false, true) if rate < 1 else 1.0
    assert above_rate(members, others, rate)[0] / len(members) == pytest.approx(oracle, abs=1e-6)


def test_without_ties_between_groups_true_positives_at_a_rate_are_those_above_a_threshold():
    draw = np.random.default_rng(5)
    members, others = draw.normal(0.5, 1, 40), draw.normal(0, 1, 43)
    threshold = np.sort(others)[-5]  # 4 of 43 are at most a tenth, 5 are more
    assert above_rate(members, others, 0.1) == ((members > threshold).sum(), 4)


def test_few_patients_have_no_interval():
    found = membership_advantage(np.arange(9.0), np.arange(20.0), np.random.default_rng(0)).interval()
    assert np.isnan(found.low) and np.isnan(found.high) and not np.isnan(found.mean)
    assert np.isnan(membership_advantage(np.ones(1), np.ones(5), np.random.default_rng(0)).interval().mean)


def test_the_best_threshold_is_that_of_brute_force():
    draw = np.random.default_rng(3)
    members, others = draw.integers(0, 12, 30).astype(float), draw.integers(0, 10, 25).astype(float)
    gain = max((members > one).mean() - (others > one).mean() for one in np.arange(-1, 13, 0.25))
    found = advantage_threshold(members, others)
    assert (members > found).mean() - (others > found).mean() == pytest.approx(gain)
    assert advantage_threshold(np.zeros(3), np.ones(3)) == np.inf
    # Halfway between two scores, and of thresholds alike the largest.
    assert advantage_threshold(np.array([0.0, 4.0]), np.array([0.0, 1.0])) == 2.5
    assert advantage_threshold(np.array([1.0, 3.0]), np.array([0.0, 2.0])) == 2.5


def test_scores_that_are_no_numbers_are_refused():
    with pytest.raises(RemnantError):
        membership_advantage(np.array([np.nan, 1.0]), np.arange(5.0), np.random.default_rng(0))


def test_of_groups_too_large_to_count_all_deals_p_is_approximate_and_nothing_is_warned():
    draw = np.random.default_rng(0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = [advantage_p(draw.normal(0, 1, 2000), draw.normal(0, 1, 300)) for _ in range(20)]
    assert 0.05 < np.median(found) < 0.95


def test_p_is_of_the_largest_difference_among_all_deals():
    draw = np.random.default_rng(6)
    pooled = draw.normal(0, 1, 9)

    def largest(members, others):
        return max((members > one).mean() - (others > one).mean() for one in [*pooled, -9.0])

    members, others = pooled[:4], pooled[4:]
    dealt = [largest(pooled[list(own)], np.delete(pooled, list(own))) for own in itertools.combinations(range(9), 4)]
    assert advantage_p(members, others) == pytest.approx(np.mean(np.array(dealt) >= largest(members, others) - 1e-9))
    assert advantage_p(np.zeros(20), np.zeros(20)) == 1
    assert np.isnan(advantage_p(np.zeros(0), others))
