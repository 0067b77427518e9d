"""TPR at a low FPR: right on average in small groups, intervals that hold the truth, an exact p."""

import itertools
import math

import numpy as np
import pytest
from scipy import stats

from remnant.base.errors import RemnantError
from remnant.measure.tpr import members_at_top, true_positive_p, true_positive_rate

RATE = 0.1


@pytest.mark.parametrize(("m", "n"), [(12, 12), (40, 12), (12, 57)])
def test_without_a_leak_it_is_the_rate_itself_however_few_patients(m, n):
    draw = np.random.default_rng(0)
    found = [true_positive_rate(draw.random(m), draw.random(n), RATE).mean for _ in range(4000)]
    assert np.mean(found) == pytest.approx(RATE, abs=0.006)


@pytest.mark.parametrize("values", [2, 3, 7])
def test_ties_are_broken_at_random_in_the_mean(values):
    draw = np.random.default_rng(1)
    members, others = draw.integers(0, values, 30).astype(float), draw.integers(0, values, 23).astype(float)
    broken = [
        true_positive_rate(members + 1e-6 * draw.random(30), others + 1e-6 * draw.random(23), RATE).mean
        for _ in range(4000)
    ]
    assert true_positive_rate(members, others, RATE).mean == pytest.approx(np.mean(broken), abs=0.006)


def lump(draw, count, at):
    """Half of them at one score."""
    return np.where(draw.random(count) < 0.5, at + draw.normal(0, 0.01, count), draw.normal(0, 1, count))


@pytest.mark.parametrize("size", [12, 60, 300])
@pytest.mark.parametrize("kind", ["null", "shift", "lump inside", "lump outside"])
def test_the_interval_holds_the_truth_also_where_members_lie_close_to_the_threshold(kind, size):
    draw, threshold = np.random.default_rng(2), stats.norm.isf(RATE)
    shift, at = 0.8, {"lump inside": 0.09, "lump outside": 0.105}.get(kind)
    if kind in ("null", "shift"):
        move = shift if kind == "shift" else 0.0
        truth = stats.norm.sf(threshold - move)

        def members():
            return draw.normal(move, 1, size)
    else:
        place = stats.norm.isf(at)
        truth = 0.5 * stats.norm.sf((threshold - place) / 0.01) + 0.5 * RATE

        def members():
            return lump(draw, size, place)

    found = [true_positive_rate(members(), draw.normal(0, 1, size), RATE) for _ in range(400)]
    assert np.mean([one.low > truth for one in found]) <= 0.025
    assert np.mean([one.high < truth for one in found]) <= 0.025


def test_a_higher_level_is_wider_and_few_have_none():
    draw = np.random.default_rng(3)
    members, others = draw.normal(1, 1, 50), draw.normal(0, 1, 50)
    found, wide = (true_positive_rate(members, others, RATE, level) for level in (0.95, 0.999))
    assert wide.low < found.low < found.mean < found.high < wide.high and found.n == 100
    few = true_positive_rate(members[:9], others, RATE)
    assert not np.isnan(few.mean) and np.isnan(few.low) and np.isnan(few.high)
    assert np.isnan(true_positive_rate(members[:1], others, RATE).mean)
    with pytest.raises(RemnantError):
        true_positive_rate(np.array([np.nan, 1.0]), others, RATE)


def test_p_is_that_of_all_deals():
    pooled = np.random.default_rng(4).random(13)
    members, others = np.sort(pooled)[[12, 11, 3]], np.sort(pooled)[[10, 9, 8, 7, 6, 5, 4, 2, 1, 0]]

    def above(own, rest):
        return (own > rest.max()).sum()

    dealt = [above(pooled[list(own)], np.delete(pooled, list(own))) for own in itertools.combinations(range(13), 3)]
    assert true_positive_p(members, others, RATE) == pytest.approx(np.mean(np.array(dealt) >= above(members, others)))
    assert true_positive_p(np.zeros(5), np.zeros(30), RATE) == 1
    assert np.isnan(true_positive_p(members, np.zeros(0), RATE))


def test_without_a_leak_p_is_small_as_rarely_as_it_says():
    draw = np.random.default_rng(5)
    found = [true_positive_p(draw.random(40), draw.random(40), RATE) for _ in range(2000)]
    assert np.mean(np.array(found) <= 0.05) <= 0.065


@pytest.mark.parametrize("others", [*(pytest.param(count, marks=pytest.mark.slow) for count in (99, 300)), 2000])
def test_members_are_seldom_at_the_top_by_chance(others):
    draw = np.random.default_rng(5)
    found = [members_at_top(draw.standard_t(2, 300), draw.standard_t(2, others)) for _ in range(2000)]
    p = np.array([one.p for one in found])
    assert np.mean(p <= 0.05) < 0.06 and np.mean(p <= 0.01) < 0.014
    assert {one.place for one in found} <= {99: {1}, 300: {1, 3}, 2000: {1, 3, 10}}[others]


def test_members_above_all_others_are_as_a_run_at_the_top_of_a_shuffled_pack():
    others = np.arange(2000.0)
    members = np.concatenate([3000 + np.arange(12.0), -1 - np.arange(988.0)])
    found = members_at_top(members, others)
    run = np.prod([(1000 - i) / (3000 - i) for i in range(12)])
    assert found.p == pytest.approx(3 * run) and found.place == 1 and found.rate == 1 / 2001
    assert found.share.mean == 0.012 and found.share.low < 0.012 < found.share.high
    fewer = members_at_top(np.concatenate([members[:1], members[12:]]), others)
    assert fewer.p > 0.3 and found.detectable == pytest.approx(6 / 1000)


def test_of_one_outlier_among_non_members_the_next_places_see_the_members():
    draw = np.random.default_rng(6)
    members, others = draw.normal(size=2000), draw.normal(size=2000)
    members[:40], others[0] = 9 + draw.random(40), 99
    assert members_at_top(members, others).place == 3 and members_at_top(members, others).p < 1e-6


def test_few_members_at_the_top_have_a_p_and_no_interval_and_nobody_none():
    found = members_at_top(np.arange(9.0) + 1000, np.arange(200.0))
    every = 1 / math.comb(209, 9)
    assert found.share.mean == 1 and np.isnan(found.share.low) and np.isnan(found.share.high) and found.share.n == 209
    assert found.p == pytest.approx(every) and found.place == 1
    more = members_at_top(np.arange(10.0) + 1000, np.arange(200.0))
    assert 0.6 < more.share.low < 0.8 and more.share.high == pytest.approx(1)
    sure = members_at_top(np.arange(10.0) + 1000, np.arange(200.0), level=0.999)
    assert sure.share.low < more.share.low
    assert members_at_top(np.zeros(0), np.arange(200.0)) is None
    # Of two members not even both above all others would be enough.
    assert members_at_top(np.arange(2.0), np.arange(99.0), alpha=1e-6).detectable == 1


def test_of_fewer_than_ten_non_members_p_is_that_of_the_highest():
    assert true_positive_p(np.array([9.0, 8.0]), np.arange(5.0), RATE) == pytest.approx(1 / math.comb(7, 2))
    assert np.isnan(true_positive_p(np.zeros(0), np.arange(5.0), RATE))


def test_too_few_non_members_have_no_low_rate():
    assert members_at_top(np.arange(50.0), np.arange(98.0)) is None and members_at_top(np.arange(50.0), np.arange(99.0))
