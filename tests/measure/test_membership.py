"""Members against non-members: dealt by hand, against SciPy's distributions, and on planted leaks."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.power import TTestIndPower

from remnant.base.errors import RemnantError
from remnant.measure.auc import auc_contrast, mann_whitney_auc
from remnant.measure.intervals import clopper_pearson
from remnant.measure.membership import (
    along_ranks,
    membership,
    nearer_than_any,
    nearest_so_far,
    true_positives,
)


def generator(seed=0):
    return np.random.default_rng(seed)


def test_a_patient_has_the_mean_over_images_of_the_nearest_candidate():
    images = np.array([[0.1, 0.9, 0.5, 0.2], [0.4, 0.3, 0.6, 0.8]])
    names, found = nearest_so_far(images, ["b", "a", "b", "c"])
    assert names == ["b", "a", "c"]
    np.testing.assert_allclose(found, [[0.3, 0.9, 0.2], [0.5, 0.9, 0.8]])
    with pytest.raises(RemnantError, match="patient"):
        nearest_so_far(images, ["a"])


def test_more_images_a_patient_are_no_leak():
    # By the most similar of his images, three images a member against one gave an AUC of 0.67.
    random = generator(4)
    members, others = (
        nearest_so_far(random.normal(size=(50, 400 * k)), [str(i // k) for i in range(400 * k)])[1][-1] for k in (3, 1)
    )
    assert abs(mann_whitney_auc(members, others).mean - 0.5) < 0.06


def test_the_score_is_that_of_the_nearest_reconstruction():
    members = np.array([[0.9, 0.2, 0.3], [0.1, 0.8, 0.3]])
    non_members = np.array([[0.5, 0.0], [0.4, 0.2]])
    found = membership(members, non_members, generator())
    assert found.auc.mean == pytest.approx(5 / 6)
    assert found.difference.mean == pytest.approx(np.mean([0.9, 0.8, 0.3]) - np.mean([0.5, 0.2]))
    assert found.nearer.count == 2
    assert (found.members, found.non_members, found.candidates) == (3, 2, 2)


def test_a_leak_is_seen_and_none_is_not():
    def draw(seed, leak):
        random = generator(seed)
        members, non_members = random.normal(0.5, 0.05, (2, 30, 40))
        members[np.arange(40) % 30, np.arange(40)] += leak
        return membership(members, non_members, generator(), resamples=2000)

    leak = draw(1, 0.2)
    assert leak.auc.low > 0.8 and leak.difference.low > 0.05 and max(leak.p, leak.auc_p) < 0.001
    assert leak.nearer.count > leak.nearer.most and leak.nearer.p < 0.001
    assert leak.difference.mean > leak.detectable
    null = [draw(seed, 0) for seed in range(20)]
    assert sum(one.p < 0.05 for one in null) <= 3 and sum(one.auc_p < 0.05 for one in null) <= 3
    assert sum(one.difference.low > 0 or one.difference.high < 0 for one in null) <= 3
    assert 0.65 < null[0].auc_detectable < 0.72


def test_difference_agrees_with_scipy_and_with_every_deal():
    members, non_members = generator(1).normal(1, 1, (1, 5)), generator(2).normal(0, 1, (1, 6))
    found = membership(members, non_members, generator())
    pool = np.concatenate([members[0], non_members[0]])
    deals = [
        np.mean(pool[list(chosen)]) - np.mean(np.delete(pool, chosen))
        for chosen in itertools.combinations(range(11), 5)
    ]
    gap = found.difference.mean
    one_sided = min(np.mean(np.array(deals) >= gap - 1e-12), np.mean(np.array(deals) <= gap + 1e-12))
    assert found.p == pytest.approx(min(1, 2 * one_sided))
    pooled = math.sqrt((4 * members.var(ddof=1) + 5 * non_members.var(ddof=1)) / 9)
    t = stats.ttest_ind(members[0], non_members[0])
    assert gap / (pooled * math.sqrt(1 / 5 + 1 / 6)) == pytest.approx(t.statistic)
    assert found.detectable == pytest.approx(
        pooled * TTestIndPower().solve_power(nobs1=5, ratio=6 / 5, power=0.8, alpha=0.05), rel=1e-4
    )


def test_interval_of_the_difference_covers_the_truth():
    random = generator(3)
    found = [
        membership(random.normal(0.3, 1, (1, 20)), random.normal(0, 1, (1, 25)), random, resamples=300).difference
        for _ in range(60)
    ]
    assert np.mean([one.low <= 0.3 <= one.high for one in found]) > 0.86


@pytest.mark.parametrize(("m", "n"), [(5, 5), (8, 20), (12, 3), (1, 1)])
def test_nearer_than_any_agrees_with_the_negative_hypergeometric_distribution(m, n):
    chance = stats.nhypergeom(m + n, m, 1)  # members before the first non-member
    for count in range(m + 1):
        scores = np.arange(m + n, 0, -1.0)
        members = np.append(scores[:count], scores[count + 1 : m + 1])
        non_members = np.setdiff1d(scores, members)
        found = nearer_than_any(members, non_members)
        assert found.count == count
        assert found.p == pytest.approx(chance.sf(count - 1))
        assert found.expected == pytest.approx(chance.mean()) == pytest.approx(m / (n + 1))
        assert found.most == chance.ppf(0.95)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 4), min_size=2, max_size=7), st.data())
def test_nearer_than_any_counts_every_deal_with_ties(scores, data):
    scores = np.array(scores, dtype=float)
    m = data.draw(st.integers(1, len(scores) - 1))
    counts = []
    for chosen in itertools.combinations(range(len(scores)), m):
        others = np.delete(scores, chosen)
        counts.append(int((scores[list(chosen)] > others.max()).sum()))
    found = nearer_than_any(scores[:m], scores[m:])
    assert found.count == counts[0]  # the first deal is the one observed
    assert found.p == pytest.approx(np.mean(np.array(counts) >= found.count))
    assert found.expected == pytest.approx(np.mean(counts))


def test_along_the_ranks_the_first_candidates_alone():
    members, non_members = generator(1).random((2, 25, 10))
    rows = along_ranks(members, non_members)
    assert [row["candidates"] for row in rows] == [1, 2, 5, 10, 20, 25]
    for row in rows:
        k = row["candidates"]
        alone = membership(members[:k], non_members[:k], generator(), resamples=200)
        assert row["auc"] == alone.auc.mean and row["auc_high"] == alone.auc.high
        assert row["difference"] == pytest.approx(alone.difference.mean)
        assert row["nearer"] == alone.nearer.count
    assert [row["candidates"] for row in along_ranks(members[:1], non_members[:1])] == [1]
    assert [row["candidates"] for row in along_ranks(members[:10], non_members[:10])] == [1, 2, 5, 10]
    with pytest.raises(RemnantError, match="1 to 25"):
        along_ranks(members, non_members, [26])


def test_true_positives_only_where_there_are_non_members_enough():
    non_members = np.arange(400) / 400
    members = np.array([0.5, 0.9905, 0.995, 0.9999])
    tenth, hundredth, thousandth = true_positives(members, non_members)
    assert tenth.share.mean == 0.75 and hundredth.share.mean == 0.75
    assert (non_members > members[1]).mean() < 0.01
    assert math.isnan(thousandth.share.mean) and thousandth.needed == 3000
    assert thousandth.describe() == "not resolvable with 400 non-members (needs 3000)"
    assert hundredth.describe().startswith("75.0% [19.4%")
    (exact,) = true_positives(np.array([26.5, 25.5]), np.arange(30.0), [0.1])
    assert exact.share.mean == 0.5  # three of thirty exceed 26, four exceed 25.5


def test_a_signal_of_two_values_finds_some_where_its_area_says_so():
    right = np.repeat([1.0, 0.0], [57, 3]), np.repeat([1.0, 0.0], [40, 20])
    (found,) = true_positives(*right, [0.1])
    # A tenth of the non-members, 6 of the 40 whose answer is right, and so 15% of the members whose is.
    assert found.share.mean == pytest.approx(0.15 * 57 / 60) and found.describe().startswith("14.2% [")
    assert (found.share.low, found.share.high) == (clopper_pearson(8, 60).low, clopper_pearson(9, 60).high)
    (tied,) = true_positives(np.full(5, 0.5), np.full(40, 0.5), [0.1])
    assert tied.share.mean == pytest.approx(0.1)  # who cannot be distinguished is found by guessing


def test_features_that_set_members_apart_by_themselves_are_told_by_the_contrast():
    """Issue 4's rough trial: an overfit target's features part its members for samples of the untuned prior too."""
    random = generator(5)
    members, non_members = 0.6 + random.normal(0, 0.05, (2, 50, 30))
    members += 0.1  # the features alone
    prior = members.max(0), non_members.max(0)
    same = random.normal(0, 0.05, (2, 50, 30)) + np.array([0.7, 0.6])[:, None, None]
    assert membership(members, non_members, generator(), resamples=500).auc.low > 0.8
    nothing = auc_contrast((same[0].max(0), same[1].max(0)), prior, generator())
    assert nothing.low < 0 < nothing.high and nothing.p > 0.05


def test_too_few_patients():
    one = membership(np.array([[0.9]]), np.array([[0.1, 0.2, 0.3]]), generator())
    assert one.auc.mean == 1 and one.difference.mean == pytest.approx(0.7) and math.isnan(one.p)
    assert math.isnan(one.difference.low) and one.nearer.count == 1
    nobody = membership(np.empty((2, 0)), np.ones((2, 3)), generator())
    assert math.isnan(nobody.auc.mean) and math.isnan(nobody.difference.mean) and math.isnan(nobody.nearer.p)
    alike = membership(np.full((1, 10), 0.5), np.full((1, 10), 0.5), generator())
    assert (alike.auc.mean, alike.auc_p, alike.p, alike.nearer.count) == (0.5, 1, 1, 0)
    assert alike.difference.low == alike.difference.high == 0
    few = membership(np.full((1, 10), 0.5), np.linspace(0.1, 0.3, 9)[None], generator())
    assert few.difference.mean == pytest.approx(0.3) and math.isnan(few.difference.low) and few.p < 0.01
    half = membership(np.full((1, 10), 0.5), np.linspace(0.1, 0.3, 10)[None], generator())
    assert half.difference.low < 0.3 < half.difference.high
    for wrong in (np.ones((3, 2)), np.full((2, 2), np.nan), np.ones(2)):
        with pytest.raises(RemnantError):
            membership(np.ones((2, 2)), wrong, generator())
