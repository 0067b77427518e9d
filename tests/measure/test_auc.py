"""Areas against scikit-learn and statsmodels, intervals against simulation, contrasts against jackknife and null."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import roc_auc_score
from statsmodels.stats.nonparametric import rank_compare_2indep

from remnant.base.errors import RemnantError
from remnant.measure import auc
from remnant.measure.auc import auc_contrast, auc_p_above, auc_variance, detectable_auc, mann_whitney_auc
from remnant.measure.intervals import FEWEST_PATIENTS


def generator(seed=0):
    return np.random.default_rng(seed)


scores = st.lists(st.integers(0, 6).map(float), min_size=FEWEST_PATIENTS, max_size=FEWEST_PATIENTS + 8)
few_scores = st.lists(st.integers(0, 4).map(float), min_size=1, max_size=4)


@settings(max_examples=60, deadline=None)
@given(scores, scores)
def test_area_agrees_with_scikit_learn_and_lies_in_its_interval(positive, negative):
    found = mann_whitney_auc(positive, negative)
    truth = [1] * len(positive) + [0] * len(negative)
    assert found.mean == pytest.approx(roc_auc_score(truth, positive + negative))
    assert 0 <= found.low <= found.mean <= found.high <= 1
    assert found.high - found.low > 0
    mirrored = mann_whitney_auc(negative, positive)
    assert [mirrored.low, mirrored.high] == pytest.approx([1 - found.high, 1 - found.low], abs=1e-6)


def test_interval_is_near_another_method_where_both_hold():
    positive, negative = generator(1).normal(0.6, 1, 120), generator(2).normal(0, 1, 150)
    oracle = rank_compare_2indep(positive, negative, use_t=False).conf_int()
    found = mann_whitney_auc(positive, negative)
    np.testing.assert_allclose([found.low, found.high], oracle, atol=0.015)


def test_the_variance_of_an_area_of_one_half_is_that_of_the_rank_sum():
    for m, n in ((10, 10), (7, 30), (200, 3)):
        assert auc_variance(0.5, m, n) == pytest.approx((m + n + 1) / (12 * m * n))
        assert auc_variance(0.8, m, n) == pytest.approx(auc_variance(0.2, m, n))
        assert auc_variance(0.0, m, n) == 0 == auc_variance(1.0, m, n)


@pytest.mark.parametrize(("level", "z"), [(0.95, 1.959964), (0.99, 2.575829)])
@pytest.mark.parametrize("effect", [1.0, 2.5])
@pytest.mark.parametrize("shift", [-100.0, 0.3, 100.0])
def test_each_end_is_so_many_of_its_own_standard_errors_away(level, z, effect, shift):
    positive, negative = generator(1).normal(shift, 1, 12), generator(2).normal(0, 1, 17)
    found = mann_whitney_auc(positive, negative, level, effect)
    assert found.n == 29
    for end in {found.low, found.high} - {0.0, 1.0}:
        assert abs(found.mean - end) == pytest.approx(z * math.sqrt(effect * auc_variance(end, 12, 17)), abs=1e-5)
    assert (found.low == 0) == (shift == -100) and (found.high == 1) == (shift == 100)


@pytest.mark.parametrize(("m", "shift"), [(10, 0.0), (10, 2.0), (40, 1.0)])
def test_interval_covers_the_truth(m, shift):
    random, truth = generator(m), stats.norm.cdf(shift / math.sqrt(2))
    found = [mann_whitney_auc(random.normal(shift, 1, m), random.normal(0, 1, m)) for _ in range(400)]
    assert 0.92 < np.mean([one.low <= truth <= one.high for one in found]) <= 0.99


@pytest.mark.parametrize(
    ("m", "n", "spread", "least", "most"), [(10, 30, 1, 0.94, 0.97), (10, 30, 3, 0.86, 0.90), (30, 10, 3, 0.97, 1.0)]
)
def test_interval_covers_what_the_manual_says_where_groups_spread_unlike(m, n, spread, least, most):
    random, shift = generator(m), 0.6 * math.sqrt((spread**2 + 1) / 2)
    truth = stats.norm.cdf(shift / math.sqrt(spread**2 + 1))
    found = [mann_whitney_auc(random.normal(shift, spread, m), random.normal(0, 1, n)) for _ in range(2000)]
    assert least <= np.mean([one.low <= truth <= one.high for one in found]) <= most


def test_complete_separation_has_an_interval_and_nobody_none():
    apart = mann_whitney_auc(np.arange(10) + 10, np.arange(10))
    assert apart.mean == apart.high == 1 and 0.6 < apart.low < 0.9 and apart.n == 20
    assert math.isnan(mann_whitney_auc([], [1.0]).mean)
    with pytest.raises(RemnantError, match="finite"):
        mann_whitney_auc([math.nan], [1.0])


@pytest.mark.parametrize(("m", "n"), [(FEWEST_PATIENTS - 1, 60), (60, FEWEST_PATIENTS - 1)])
def test_below_ten_patients_in_the_smaller_group_there_is_an_area_and_no_interval(m, n):
    few = generator(1).normal(1, 1, m), generator(2).normal(0, 1, n)
    one_more = np.append(few[0], 0.5), np.append(few[1], 0.5)
    found, contrast = mann_whitney_auc(*few), auc_contrast(few, few, generator(), resamples=9)
    assert 0.5 < found.mean < 1 and math.isnan(found.low) and math.isnan(found.high)
    assert contrast.difference == 0 and math.isnan(contrast.low) and math.isnan(contrast.high)
    assert mann_whitney_auc(*one_more).low < mann_whitney_auc(*one_more).high
    assert not math.isnan(auc_contrast(one_more, one_more, generator(), resamples=9).low)


@settings(max_examples=40, deadline=None)
@given(few_scores, few_scores)
def test_p_of_few_patients_is_exact_with_ties_too(positive, negative):
    pool, m = np.array(positive + negative), len(positive)
    sums = [sum(deal) for deal in itertools.combinations(stats.rankdata(pool), m)]
    own = stats.rankdata(pool)[:m].sum()
    tails = np.mean([one <= own for one in sums]), np.mean([one >= own for one in sums])
    assert auc_p_above(positive, negative) == pytest.approx(tails[1])
    assert auc_p_above(negative, positive) == pytest.approx(tails[0])


def test_p_of_nine_against_many_is_that_of_all_deals_and_not_of_the_normal_curve():
    positive, negative = np.arange(9) + 0.5, np.append(np.arange(40) * 0.3, np.full(10, 3.5))
    dealt = generator(4).permuted(np.tile(np.append(positive, negative), (40_000, 1)), axis=1)
    ranks = stats.rankdata(np.append(positive, negative))
    of = dict(zip(np.append(positive, negative), ranks, strict=True))
    sums = np.vectorize(of.get)(dealt[:, :9]).sum(1)
    own = ranks[:9].sum()
    assert auc_p_above(positive, negative) == pytest.approx(np.mean(sums >= own), abs=0.006)
    apart = np.arange(9.0) + 100, np.append(np.arange(20.0), 3.0)
    assert auc_p_above(*apart) == pytest.approx(1 / math.comb(30, 9))  # the normal curve says 5e-6


def test_p_above_of_many_is_the_curves_and_exact_before():
    draw = generator(2)
    few, many = draw.normal(0.6, 1, 20), draw.normal(0, 1, 30)
    oracle = stats.mannwhitneyu(few, many, alternative="greater", method="exact").pvalue
    assert auc_p_above(few, many) == pytest.approx(oracle)
    more = np.append(few, 0.61)
    assert auc_p_above(more, many) == pytest.approx(
        stats.mannwhitneyu(more, many, alternative="greater", method="exact").pvalue, rel=0.1
    )
    assert auc_p_above(np.arange(3.0), np.arange(3.0) - 9) == pytest.approx(1 / 20)
    assert auc_p_above([1.0], [1.0]) == 1 and math.isnan(auc_p_above([], [1.0]))


def test_p_value_deals_the_patients_anew():
    positive, negative = np.array([3.1, 2.5, 4.0, 0.2]), np.array([0.1, 1.0, 2.0, 0.7])
    oracle = stats.permutation_test(
        (positive, negative),
        lambda a, b: roc_auc_score([1] * 4 + [0] * 4, [*a, *b]),
        n_resamples=np.inf,
        alternative="greater",
    ).pvalue
    assert auc_p_above(positive, negative) == pytest.approx(oracle)
    assert auc_p_above([1.0, 1.0], [1.0]) == 1
    assert math.isnan(auc_p_above([], [1.0]))


def test_detectable_is_found_four_times_in_five():
    area, random = detectable_auc(30, 30), generator(3)
    shift = math.sqrt(2) * stats.norm.ppf(area)
    found = [auc_p_above(random.normal(shift, 1, 30), random.normal(0, 1, 30)) < 0.025 for _ in range(600)]
    assert np.mean(found) == pytest.approx(0.8, abs=0.06)
    assert detectable_auc(3, 3) > 0.95 and detectable_auc(1, 1) == 1
    assert detectable_auc(300, 300) < detectable_auc(30, 30) < detectable_auc(8, 8)
    assert detectable_auc(30, 30, design_effect=2.0) == pytest.approx(detectable_auc(15, 15), abs=0.005)
    assert math.isnan(detectable_auc(0, 5)) and math.isnan(detectable_auc(5, 0))
    # So many standard errors of one half, and of its own, above one half.
    area = detectable_auc(40, 25, power=0.9, alpha=0.01, design_effect=1.5)
    errors = [math.sqrt(1.5 * auc_variance(at, 40, 25)) for at in (0.5, area)]
    assert area - 0.5 == pytest.approx(2.575829 * errors[0] + 1.281552 * errors[1])


def paired(m, n, random, shifts=(0.0, 0.0), shared=0.8):
    """Two scores of the same patients, correlated, by which positives stand out by `shifts`."""
    positive, negative = random.normal(size=(3, m)), random.normal(size=(3, n))
    return [
        (
            shared * positive[0] + 0.6 * positive[side] + shift,
            shared * negative[0] + 0.6 * negative[side],
        )
        for side, shift in ((1, shifts[0]), (2, shifts[1]))
    ]


def test_contrast_is_the_difference_with_delongs_interval():
    first, second = paired(70, 60, generator(1), (1.0, 0.4))
    found = auc_contrast(first, second, generator())

    def difference(a, b, c, d):
        return mann_whitney_auc(a, b).mean - mann_whitney_auc(c, d).mean

    assert found.difference == pytest.approx(difference(*first, *second))
    drawn, random = [], generator(2)
    for _ in range(1500):
        i, j = random.integers(0, 70, 70), random.integers(0, 60, 60)
        drawn.append(difference(first[0][i], first[1][j], second[0][i], second[1][j]))
    error = (found.high - found.low) / (2 * 1.959964)
    assert error == pytest.approx(np.std(drawn), rel=0.08)
    assert found.detectable == pytest.approx((1.959964 + 0.841621) * error)
    assert found.n == 130
    sure = auc_contrast(first, second, generator(), level=0.99)
    assert sure.high - sure.low == pytest.approx(2 * 2.575829 * error) and sure.p == found.p
    assert sure.detectable == pytest.approx((2.575829 + 0.841621) * error)


def test_contrast_pairs_patients_and_knows_no_scale():
    first, second = paired(40, 40, generator(5), (1.2, 1.0), shared=3)
    found = auc_contrast(first, second, generator())
    shuffled = (generator().permutation(second[0]), generator().permutation(second[1]))
    apart = auc_contrast(first, shuffled, generator())
    assert apart.difference == pytest.approx(found.difference)
    assert apart.high - apart.low > 1.5 * (found.high - found.low)
    scaled = auc_contrast(first, tuple(100 * part - 7 for part in second), generator())
    assert scaled == found


def test_contrasts_p_is_even_under_the_null_and_small_beyond():
    random = generator(7)
    null = [auc_contrast(*paired(12, 12, random, (1, 1)), random, resamples=199).p for _ in range(250)]
    assert np.mean(np.array(null) < 0.05) < 0.09
    assert 0.4 < np.mean(np.array(null) < 0.5) < 0.6
    least = auc_contrast(*paired(40, 40, generator(8), (2, 0)), generator(), resamples=199)
    assert least.p == 1 / 200 and least.p_bound
    assert not auc_contrast(*paired(40, 40, generator(8), (0, 0)), generator(), resamples=199).p_bound


def test_contrast_of_equals_of_too_few_and_of_others():
    first, second = paired(12, 12, generator(1))
    same = auc_contrast(first, first, generator())
    assert (same.difference, same.low, same.high, same.p) == (0, 0, 0, 1)
    one = auc_contrast((first[0][:1], first[1]), (second[0][:1], second[1]), generator())
    assert math.isfinite(one.difference) and math.isnan(one.low) and math.isnan(one.detectable)
    assert one.n == 13 and 0 < one.p <= 1 and not one.p_bound
    two = auc_contrast(*((part[0][:2], part[1][:2]) for part in (first, second)), generator())
    assert two.n == 4 and two.detectable >= 0
    for nobody in (([], []), ([], [1.0]), ([1.0], [])):
        found = auc_contrast(nobody, nobody, generator())
        assert math.isnan(found.difference) and math.isnan(found.p) and found.n == len(nobody[0]) + len(nobody[1])
    for other, said in (((second[0][:3], second[1]), "3 and 12"), ((second[0], second[1][:4]), "12 and 4")):
        with pytest.raises(RemnantError) as raised:
            auc_contrast(first, other, generator())
        assert str(raised.value) == (f"A contrast needs the same patients twice. Got 12 and 12 against {said} instead.")


def test_blocks_of_resamples_change_nothing_but_the_draw(monkeypatch):
    first, second = paired(15, 15, generator(9), (1.0, 0.6))
    whole = auc_contrast(first, second, generator(0), resamples=3000).p
    monkeypatch.setattr(auc, "TOGETHER", 7)
    assert auc_contrast(first, second, generator(1), resamples=3000).p == pytest.approx(whole, abs=0.04)
