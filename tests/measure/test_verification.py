"""Accuracies and areas against scikit-learn and SciPy, intervals against pairs that share patients."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import balanced_accuracy_score, roc_auc_score

from remnant.base.errors import RemnantError
from remnant.measure import scored_pairs, threshold
from remnant.measure import verification as module
from remnant.measure.auc import detectable_auc
from remnant.measure.scored_pairs import matrix_pairs, weighted_area
from remnant.measure.threshold import best_by_chance, best_threshold
from remnant.measure.verification import verification, verification_contrast


def generator(seed=0):
    return np.random.default_rng(seed)


def pairs_of(same):
    """Patients of pairs that share nobody."""
    return np.array([(f"p{i}", f"p{i}" if one else f"q{i}") for i, one in enumerate(same)])


def draw(random, patients, different, of_patient, of_pair, shift):
    """Three pairs of each patient alone, and `different` pairs of two; every patient moves the scores of all own pairs."""
    own, shared = random.normal(size=patients), random.normal(size=patients)
    left, right = np.triu_indices(patients, 1)
    chosen = random.permutation(len(left))[:different]
    left, right = left[chosen], right[chosen]
    ids = np.repeat(np.arange(patients), 3)
    positive = shift + of_patient * own[ids] + of_pair * random.normal(size=len(ids))
    negative = of_patient * (shared[left] + shared[right]) / math.sqrt(2) + of_pair * random.normal(size=len(left))
    return np.concatenate([positive, negative]), np.concatenate([np.stack([ids, ids], 1), np.stack([left, right], 1)])


scored = st.lists(st.tuples(st.integers(0, 6).map(float), st.booleans()), min_size=2, max_size=20).filter(
    lambda pairs: len({same for _, same in pairs}) == 2
)


@settings(max_examples=40, deadline=None)
@given(scored)
def test_values_agree_with_scikit_learn(pairs):
    scores, same = (np.array(part) for part in zip(*pairs, strict=True))
    found = verification(scores, pairs_of(same), 3.0, generator(), resamples=10)
    assert found.balanced.mean == pytest.approx(balanced_accuracy_score(same, scores >= 3))
    assert found.auc.mean == pytest.approx(roc_auc_score(same, scores))
    # The best balanced accuracy is half of one plus the one-sided Kolmogorov-Smirnov statistic.
    statistic = stats.ks_2samp(scores[same], scores[~same], alternative="less", method="asymp").statistic
    assert found.best.mean == pytest.approx((1 + statistic) / 2)
    assert (found.same, found.different) == (same.sum(), (~same).sum())


def test_weights_agree_with_scikit_learn():
    random = generator(1)
    scores, same = random.integers(0, 9, 60).astype(float), random.random(60) < 0.4
    weights = random.integers(0, 4, (3, 60)).astype(float)
    areas, accuracies = weighted_area(scores, same, weights), module._balanced(scores >= 4, same, weights)
    for area, accuracy, weight in zip(areas, accuracies, weights, strict=True):
        assert area == pytest.approx(roc_auc_score(same, scores, sample_weight=weight))
        assert accuracy == pytest.approx(balanced_accuracy_score(same, scores >= 4, sample_weight=weight))


def test_threshold_lies_in_the_middle_of_the_widest_gap():
    assert best_threshold([0.0, 1.0, 3.0, 3.5], pairs_of([False, False, True, True])) == 2
    # Two cuts have one pair wrong; the wider gap wins.
    assert best_threshold([0.0, 1.0, 5.0, 6.0], pairs_of([False, True, False, True])) in (0.5, 5.5)
    assert best_threshold([0.0, 4.0, 5.0, 6.0], pairs_of([False, True, False, True])) == 2
    # Neighbours in float64 have no middle.
    below, above = 1.0, np.nextafter(1.0, 2)
    assert best_threshold([below, above], pairs_of([False, True])) == above


def test_threshold_of_scores_worse_than_none_calls_all_the_same():
    scores, patients = np.arange(20.0), pairs_of(np.arange(20) < 10)
    found = verification(scores, patients, best_threshold(scores, patients), generator(), resamples=50)
    assert found.threshold == 0 and found.balanced.mean == found.best.mean == 0.5
    assert found.auc.mean == 0 and found.strength == 1 and found.auc.high < 0.5


def test_the_training_threshold_is_kept_and_the_best_is_these_pairs():
    scores, patients = draw(generator(2), 40, 40, 0.5, 1.0, 1.0)
    found = verification(scores, patients, 1.2, generator())
    assert found.threshold == 1.2 and found.balanced.mean < found.best.mean
    assert found.best == verification(scores, patients, best_threshold(scores, patients), generator()).balanced


def test_chance_of_the_best_threshold_is_what_scores_that_know_nothing_reach():
    random = generator(3)
    reached = []
    for _ in range(300):
        scores, same = random.normal(size=60), np.arange(60) < 20
        reached.append((1 + stats.ks_2samp(scores[same], scores[~same], "less", method="asymp").statistic) / 2)
    scores, same = random.normal(size=60), np.arange(60) < 20
    found = verification(scores, pairs_of(same), 0.0, generator()).best_chance
    assert found == pytest.approx(np.mean(reached), abs=0.01) and found > 0.55
    constant = verification(np.ones(60), pairs_of(same), 0.0, generator(), resamples=50)
    assert constant.best_chance == constant.best.mean == 0.5


@pytest.mark.parametrize(("pairs", "ones"), [(2, 1), (8, 3), (9, 8), (10, 1)])
def test_chance_of_the_best_threshold_is_its_mean_over_every_way_to_deal_the_kinds(pairs, ones):
    ways = [np.isin(np.arange(pairs), places) for places in itertools.combinations(range(pairs), ones)]
    reached = [
        max((same[cut:].sum() / ones + (~same[:cut]).sum() / (pairs - ones)) / 2 for cut in range(pairs + 1))
        for same in ways
    ]
    scores = generator(pairs).normal(size=pairs)
    assert best_by_chance(scores, ways[0], generator()) == pytest.approx(np.mean(reached), abs=1e-12)


def test_chance_of_the_best_threshold_parts_no_equal_scores(monkeypatch):
    same, scores = np.arange(60) < 20, np.arange(60) // 6
    few = best_by_chance(scores, same, generator())
    assert few < best_by_chance(np.arange(60), same, generator()) - 0.005
    monkeypatch.setattr(threshold, "TOGETHER", 7)
    assert best_by_chance(scores, same, generator()) == pytest.approx(few, abs=0.01)


def coverage(different, of_patient, of_pair, share):
    """How often intervals hold the true AUC and balanced accuracy, in 200 draws of 24 patients; `share` names the patients."""
    sd, random, hits = math.hypot(of_patient, of_pair), generator(different), []
    truth = stats.norm.cdf(1 / (sd * math.sqrt(2))), stats.norm.cdf(0.5 / sd)
    for _ in range(200):
        scores, patients = draw(random, 24, different, of_patient, of_pair, 1.0)
        found = verification(scores, share(patients), 0.5, random, resamples=100)
        hits.append([one.low <= true <= one.high for one, true in zip((found.auc, found.balanced), truth, strict=True)])
    return np.mean(hits, axis=0)


@pytest.mark.parametrize(
    ("different", "of_patient", "of_pair"), [(276, 1.0, 0.5), (276, 0.0, 1.0), (24, 1.0, 0.5), (24, 0.0, 1.0)]
)
def test_intervals_cover_the_truth_whatever_pairs_share(different, of_patient, of_pair):
    assert (coverage(different, of_patient, of_pair, lambda patients: patients) >= 0.86).all()


def test_intervals_over_pairs_would_not():
    """With every pair called a pair of patients of its own: what the resampling of patients is for."""
    found = coverage(276, 1.0, 0.5, lambda patients: pairs_of(patients[:, 0] == patients[:, 1]))
    assert (found < 0.8).all()


def test_interval_weighs_a_pair_by_both_patients():
    """Against a loop that draws patients and copies pairs."""
    scores, patients = draw(generator(4), 12, 66, 1.0, 0.5, 1.0)
    found = verification(scores, patients, 0.5, generator(), resamples=4000)
    random, drawn = generator(5), []
    for _ in range(4000):
        times = np.bincount(random.integers(0, 12, 12), minlength=12)
        copies = np.where(patients[:, 0] == patients[:, 1], times[patients[:, 0]], times[patients].prod(1))
        rows = np.repeat(np.arange(len(scores)), copies)
        same = patients[rows, 0] == patients[rows, 1]
        drawn.append((scores[rows][same][:, None] > scores[rows][~same]).mean())
    # Of twelve patients the percentiles are taken as far out as Student's t is beyond the normal distribution.
    tail = stats.norm.cdf(-math.sqrt(12 / 11) * stats.t.ppf(0.975, 11))
    assert 0.01 < tail < 0.012
    np.testing.assert_allclose([found.auc.low, found.auc.high], np.quantile(drawn, [tail, 1 - tail]), atol=0.015)
    assert found.auc.n == 12
    error = np.std(drawn) * math.sqrt(12 / 11)
    assert found.detectable == pytest.approx(0.5 + 2.801585 * error, abs=0.01)
    assert found.p == pytest.approx(2 * stats.t.sf((found.auc.mean - 0.5) / error, 11), rel=0.2)


@pytest.mark.slow
def test_scores_of_two_values_that_know_nothing_are_not_told_from_chance():
    """That no pair of one patient is among a few far out is no sure sign, though no draw of patients changes it."""
    patients = draw(generator(6), 14, 91, 1.0, 1.0, 0.0)[1]
    same = patients[:, 0] == patients[:, 1]
    random, rejected = generator(7), 0
    for _ in range(300):
        scores = np.where(same, (random.random(14) < 0.1)[patients[:, 0]], random.random(len(same)) < 0.1).astype(float)
        rejected += verification(scores, patients, 0.5, random, resamples=100).p <= 0.01
    assert rejected <= 6
    none = verification(np.where(same, 0.0, np.arange(len(same)) % 5 == 0), patients, 0.5, random)
    assert none.auc.mean == pytest.approx(0.4, abs=0.02) and none.p > 0.05 and none.auc.high > 0.5


def test_draws_without_a_kind_of_pair_are_left_out():
    scores, patients = [0.5, 0.1, 0.9, 0.3, 0.2], [("a", "a"), ("a", "b"), ("c", "d"), ("e", "f"), ("g", "h")]
    patients, scores = [*patients, ("i", "j")], [*scores, 0.25]
    found = verification(scores, patients, 0.4, generator(), resamples=400)
    assert math.isfinite(found.auc.mean) and math.isfinite(found.detectable)


def test_below_ten_patients_there_is_no_interval_but_an_exact_one():
    # An AUC of 0.75 [0.75, 0.75] from two patients was printed once.
    scores, patients = [0.9, 0.2, 0.4, 0.1], [("a", "a"), ("b", "b"), ("a", "b"), ("b", "a")]
    found = verification(scores, patients, 0.3, generator(), resamples=200)
    assert found.auc.mean == 0.75 and math.isnan(found.auc.low)
    assert math.isnan(found.balanced.low) and math.isnan(found.best.low)
    contrast = verification_contrast(scores, [0.9, 0.8, 0.1, 0.2], patients, generator(), resamples=200)
    assert contrast.difference == -0.25 and math.isnan(contrast.low) and math.isnan(contrast.p)
    faultless = verification([0.9, 0.8, 0.1, 0.2], patients, 0.3, generator(), resamples=200)
    assert faultless.auc.low == pytest.approx(stats.binomtest(2, 2).proportion_ci(method="exact").low)
    # Twelve patients, of whom two alone have a pair of their own.
    ids = [("a", "a"), ("b", "b"), *((f"p{i}", f"p{i + 1}") for i in range(9))]
    rarer = verification([0.9, 0.2, *(0.1 * i for i in range(9))], ids, 0.3, generator(), resamples=200)
    assert rarer.auc.n == 12 and math.isnan(rarer.auc.low) and math.isnan(rarer.p)


def test_p_is_that_of_the_standard_error_and_exact_without_a_fault():
    scores, patients = draw(generator(14), 20, 100, 1.0, 0.5, 0.8)
    found = verification(scores, patients, 0.0, generator())
    error = (found.detectable - 0.5) / 2.801585
    assert found.p == pytest.approx(2 * stats.t.sf((found.auc.mean - 0.5) / error, 19))
    many = verification(scores, patients, 0.0, generator(), 1 - 0.05 / 20)
    assert many.p == found.p and many.auc.mean == found.auc.mean
    assert many.detectable == pytest.approx(0.5 + error * (stats.norm.ppf(1 - 0.05 / 40) + stats.norm.ppf(0.8)))
    same = np.arange(24) < 12
    assert verification(same.astype(float), pairs_of(same), 0.5, generator(), resamples=50).p == pytest.approx(
        stats.binomtest(12, 12).pvalue
    )


def test_no_fault_has_a_width():
    same = np.arange(60) < 30
    found = verification(same.astype(float), pairs_of(same), 0.5, generator(), resamples=50)
    exact = stats.binomtest(30, 30).proportion_ci(method="exact")
    for one in (found.balanced, found.best, found.auc):
        assert (one.mean, one.low, one.high) == (1, pytest.approx(exact.low), 1)
    assert found.passes_as_control
    assert found.detectable == detectable_auc(30, 30)
    wrong = verification(-same.astype(float), pairs_of(same), -0.5, generator(), resamples=50)
    assert (wrong.auc.mean, wrong.auc.low, wrong.auc.high) == (0, 0, pytest.approx(1 - exact.low))


def test_an_adversary_passes_as_control_by_its_accuracy_and_is_strong_whichever_way_it_errs():
    raw = verification(*draw(generator(6), 40, 200, 0.1, 0.1, 1.0), 0.5, generator())
    weak = verification(*draw(generator(6), 40, 200, 0.5, 1.0, 2.0), 1.0, generator())
    wrong = verification(*draw(generator(8), 40, 200, 0.5, 1.0, -2.0), 0.0, generator())
    assert raw.passes_as_control and not weak.passes_as_control
    assert wrong.balanced.mean < 0.5 and wrong.strength > 0.8


def test_same_seed_same_result_and_blocks_change_only_the_draw(monkeypatch):
    scores, patients = draw(generator(9), 20, 60, 0.5, 1.0, 1.0)
    first, second = (verification(scores, patients, 0.5, generator(1)) for _ in range(2))
    assert first == second
    monkeypatch.setattr(scored_pairs, "TOGETHER", 7)
    other = verification(scores, patients, 0.5, generator(1))
    assert other.auc.low == pytest.approx(first.auc.low, abs=0.03)


def test_contrast_is_the_difference_of_the_areas_on_the_same_draws():
    """Against a loop that draws patients and copies pairs."""
    first, patients = draw(generator(10), 12, 66, 1.0, 0.5, 1.5)
    second = first + generator(11).normal(size=len(first))
    same = patients[:, 0] == patients[:, 1]
    found = verification_contrast(first, second, patients, generator(), resamples=4000)
    assert found.difference == pytest.approx(roc_auc_score(same, first) - roc_auc_score(same, second))
    random, drawn = generator(12), []
    for _ in range(4000):
        times = np.bincount(random.integers(0, 12, 12), minlength=12)
        copies = np.where(same, times[patients[:, 0]], times[patients].prod(1))
        weights = np.outer(copies[same], copies[~same])
        wins = [scores[same][:, None] > scores[~same] for scores in (first, second)]
        drawn.append(((wins[0] * 1.0 - wins[1]) * weights).sum() / weights.sum())
    np.testing.assert_allclose([found.low, found.high], np.quantile(drawn, [0.025, 0.975]), atol=0.015)
    assert found.detectable == pytest.approx(2.801585 * np.std(drawn), rel=0.1)
    assert found.p == pytest.approx(2 * np.mean(np.array(drawn) <= 0), abs=0.03) and found.n == 12


def test_contrast_of_like_scores_is_narrower_than_either_area():
    scores, patients = draw(generator(13), 30, 200, 1.0, 0.5, 1.0)
    found = verification_contrast(scores, scores + 0.01 * (np.arange(len(scores)) % 2), patients, generator())
    area = verification(scores, patients, 0.0, generator()).auc
    assert found.high - found.low < 0.2 * (area.high - area.low)
    turned = verification_contrast(scores + 0.01 * (np.arange(len(scores)) % 2), scores, patients, generator())
    assert (turned.difference, turned.low, turned.high) == pytest.approx(
        (-found.difference, -found.high, -found.low), abs=1e-12
    )


def test_contrast_covers_nothing_where_there_is_nothing():
    """Two adversaries of one strength, both of patients' own tempers: 95% intervals hold 0, p is under 0.05 as rarely."""
    random, hits, small = generator(14), [], []
    left, right = np.triu_indices(24, 1)
    ids = np.repeat(np.arange(24), 3)
    patients = np.concatenate([np.stack([ids, ids], 1), np.stack([left, right], 1)])
    for _ in range(200):
        # What both see, and what each sees for itself.
        tempers = random.normal(size=(3, 2, 24))
        common, one, other = (
            np.concatenate([1 + own[ids], (shared[left] + shared[right]) / math.sqrt(2)]) for own, shared in tempers
        )
        first, second = common + one, common + other
        found = verification_contrast(first, second, patients, random, resamples=100)
        hits.append(found.low <= 0 <= found.high)
        small.append(found.p < 0.05)
    assert np.mean(hits) >= 0.86 and np.mean(small) <= 0.14


def test_contrast_without_a_fault_has_a_width():
    same = np.arange(60) < 30
    exact = stats.binomtest(30, 30).proportion_ci(method="exact").low
    for other, difference in ((same, 0), (~same, 1)):
        found = verification_contrast(
            same.astype(float), other.astype(float), pairs_of(same), generator(), resamples=50
        )
        assert found.difference == difference
        assert (found.low, found.high) == pytest.approx((difference - (1 - exact), min(1, difference + 1 - exact)))
        assert (found.p == 1) == (difference == 0)


def test_a_matrix_as_pairs_has_the_area_of_own_versus_others():
    matrix = generator(16).normal(size=(3, 4))
    scores, patients = matrix_pairs(matrix, "abc", "abca")
    same = [row == column for row, column in patients]
    assert sum(same) == 4 and scores[patients.index(("b", "c"))] == matrix[1, 2]
    found = verification(scores, patients, 0.0, generator(), resamples=10)
    assert found.auc.mean == pytest.approx(roc_auc_score(same, matrix.ravel()))
    with pytest.raises(RemnantError, match="rows"):
        matrix_pairs(matrix, "abcd", "abca")


@pytest.mark.parametrize(
    ("scores", "patients", "words"),
    [
        ([0.1, math.nan], [("a", "a"), ("a", "b")], "1 scores not finite"),
        ([0.1], [("a", "a"), ("a", "b")], "finite score"),
        ([0.1, 0.2], ["a", "b"], "finite score"),
        ([0.1, 0.2], [("a", "b"), ("a", "c")], "Got 0 and 2"),
        ([0.1, 0.2], [("a", "a"), ("b", "b")], "Got 2 and 0"),
    ],
)
def test_refuses(scores, patients, words):
    for function in (
        best_threshold,
        lambda *pairs: verification(*pairs, 0.0, generator()),
        lambda scores, patients: verification_contrast(scores, scores, patients, generator()),
    ):
        with pytest.raises(RemnantError, match=words):
            function(scores, patients)
