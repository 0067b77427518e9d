"""The fold-rank test: its count by hand, its size under nulls in which models and folds differ, its power."""

import math

import numpy as np
import pytest
from scipy import stats

from remnant.base.errors import RemnantError
from remnant.measure.fold_rank import FoldRank, fold_rank, share_of

LEVEL = 0.05


def draw(seeds, patients, folds, kind="alike", leak=0.0):
    """Losses (n, k) and folds of patients; `leak`: how many SDs of noise the own model fits worse."""
    own = seeds.permutation(np.arange(patients) % folds)
    noise = seeds.normal(size=(patients, folds))
    losses = seeds.normal(size=(patients, 1)) + noise
    if kind == "differ":  # models in quality, folds in difficulty
        losses += 1.5 * seeds.normal(size=folds) + 2 * seeds.normal(size=folds)[own][:, None]
    elif kind == "kinds":  # each model is good at other kinds of patients
        losses += 1.5 * seeds.normal(size=(3, folds))[seeds.integers(0, 3, patients)]
    elif kind == "hospitals":  # a fold is a hospital, and models happen to differ between these
        losses += 0.7 * seeds.normal(size=(folds, folds))[own]
    losses[np.arange(patients), own] += leak
    return losses, own


def ran(seeds, patients, folds, kind="alike", leak=0.0, resamples=199):
    losses, own = draw(seeds, patients, folds, kind, leak)
    return fold_rank(losses, own, np.arange(patients), seeds, resamples)


def rejected(patients, folds, kind, repeats=200):
    """How often each of the three nulls is rejected, with the leeway that so many repeats need."""
    seeds = np.random.default_rng(7)
    found = [ran(seeds, patients, folds, kind, resamples=99) for _ in range(repeats)]
    most = stats.binom.ppf(0.99, repeats, LEVEL) / repeats
    return {
        name: np.mean([getattr(one, name) <= LEVEL for one in found]) for name in ("p", "p_within", "p_folds")
    }, most


def test_the_count_is_that_of_a_hand():
    # The own model is the worst of the first two; the third is fit equally badly by two; the fourth by another one.
    losses = np.array([[9.0, 1, 2], [1, 9, 2], [2, 5, 5], [5, 1, 3], [1, 2, 3], [3, 2, 1]])
    own = np.array([0, 1, 2, 2, 2, 0])
    raw = losses - np.median(losses - losses.mean(1, keepdims=True), axis=0)
    expected = [row[f] == row.max() for row, f in zip(raw, own, strict=True)]
    found = fold_rank(losses, own, np.arange(6), np.random.default_rng(0))
    assert found.count == sum(expected)
    assert (found.patients, found.folds) == (6, 3)


def test_equally_bad_models_share_a_patient():
    found = fold_rank(np.ones((12, 4)), np.arange(12) % 4, np.arange(12), np.random.default_rng(0))
    assert found.count == 3
    assert found.p == found.p_within == found.p_folds == 1
    assert found.share().low < 0.25 < found.share().high


def test_a_model_that_is_worst_of_all_and_patients_that_are_hard_change_nothing():
    seeds = np.random.default_rng(1)
    losses, own = draw(seeds, 60, 5, leak=1.0)
    shifted = losses + np.array([0, 0, 40.0, 0, -3]) + 100 * seeds.normal(size=(60, 1))
    first, second = (fold_rank(one, own, np.arange(60), np.random.default_rng(0), 199) for one in (losses, shifted))
    assert first == second
    assert first.count > 60 / 5


def test_cases_of_a_patient_are_one_unit():
    losses, own = draw(np.random.default_rng(2), 20, 4)
    apart = np.random.default_rng(3).normal(size=losses.shape)
    twice = np.concatenate([losses + apart, losses - apart])
    found = fold_rank(twice, np.tile(own, 2), np.tile(np.arange(20), 2), np.random.default_rng(0))
    assert found == fold_rank(losses, own, np.arange(20), np.random.default_rng(0))
    assert found.patients == 20


@pytest.mark.parametrize("kind", ["alike", "differ", "kinds"])
@pytest.mark.parametrize(("patients", "folds"), [(24, 3), (50, 5)])
def test_of_models_that_know_nobody_no_more_than_the_level_are_rejected(kind, patients, folds):
    found, most = rejected(patients, folds, kind)
    assert max(found.values()) <= most, found


def test_where_folds_are_no_random_deal_the_orders_of_models_alone_keep_their_size():
    found, most = rejected(100, 5, "hospitals")
    assert found["p_folds"] <= most < found["p"]
    assert most < found["p_within"]


def test_the_null_of_whole_folds_is_that_of_all_orders_and_shows_nothing_of_three():
    assert ran(np.random.default_rng(4), 300, 3, leak=5.0).p_folds == pytest.approx(2 / 6)
    assert ran(np.random.default_rng(4), 300, 5, leak=5.0).p_folds == pytest.approx(2 / 120)


def test_a_leak_is_found_as_often_as_the_power_says():
    seeds = np.random.default_rng(5)
    found = [ran(seeds, 100, 5, leak=1.0, resamples=399) for _ in range(150)]
    assert np.mean([one.p <= LEVEL for one in found]) == pytest.approx(found[0].power(share_of(1.0, 5)), abs=0.1)
    assert np.mean([one.count / 100 for one in found]) == pytest.approx(share_of(1.0, 5), abs=0.03)
    assert found[0].power(found[0].detectable()) == pytest.approx(0.8)


def test_no_deal_as_extreme_bounds_p():
    found = ran(np.random.default_rng(6), 100, 5, leak=9.0, resamples=199)
    assert found.p_bound
    assert found.p == pytest.approx(2 / 200)


def test_own_models_that_fit_best_are_seen_too():
    found = ran(np.random.default_rng(6), 100, 5, leak=-3.0)
    assert found.p < LEVEL
    assert found.count < 20


def test_the_share_that_a_leak_gives():
    assert share_of(0, 5) == pytest.approx(1 / 5)
    noise = np.random.default_rng(0).normal(size=(200_000, 4))
    assert share_of(1.0, 4) == pytest.approx(float((noise[:, 0] + 1 >= (noise[:, 1:]).max(1)).mean()), abs=0.01)


def test_the_advantage_is_that_over_pairs_of_patient_and_model():
    losses, own = draw(np.random.default_rng(8), 200, 5, leak=2.0)
    found = fold_rank(losses, own, np.arange(200), np.random.default_rng(0), 99)
    centred = losses - losses.mean(1, keepdims=True)
    worst = np.argmax(centred - np.median(centred, axis=0), axis=1)[:, None] == np.arange(5)
    trained = own[:, None] != np.arange(5)
    assert found.advantage().mean == pytest.approx((~worst)[trained].mean() - (~worst)[~trained].mean())
    assert found.advantage().low < found.advantage().mean < found.advantage().high
    none = FoldRank(20, 100, 5, 1, False, 1, 1, 0.2)
    assert none.advantage().mean == pytest.approx(0)


@pytest.mark.parametrize("spread", [2.0, 0.5])
def test_without_a_leak_a_large_fold_whose_model_varies_otherwise_gives_no_advantage(spread):
    folds, seeds = np.repeat(np.arange(3), (120, 20, 20)), np.random.default_rng(9)
    found = []
    for _ in range(80):
        losses = seeds.normal(size=(160, 3)) * (spread, 1, 1) + seeds.normal(size=(160, 1))
        found.append(fold_rank(losses, folds, np.arange(160), seeds, 1))
    # Against 1 in 3 the mean advantage is 0.05, and zero outside of one interval in eight.
    assert np.mean([one.advantage().mean for one in found]) == pytest.approx(0, abs=0.02)
    assert np.mean([not one.advantage().low <= 0 <= one.advantage().high for one in found]) < 0.1
    assert (found[0].chance > 1 / 3) is (spread > 1)


def test_of_folds_that_are_equally_large_chance_is_one_of_them_and_a_leak_is_not_taken_for_it():
    seeds = np.random.default_rng(10)
    for leak in (0.0, 3.0):
        one = ran(seeds, 100, 5, leak=leak, resamples=1)
        assert one.chance == pytest.approx(1 / 5) and one.chance_error == pytest.approx(0, abs=1e-12)
    losses, folds = seeds.normal(size=(120, 3)), np.repeat(np.arange(3), (60, 30, 30))
    losses[np.arange(120), folds] += 3
    assert fold_rank(losses, folds, np.arange(120), seeds, 1).chance < 1 / 3


def test_the_interval_is_exact_and_too_few_have_none():
    low, high = stats.binomtest(30, 100).proportion_ci(method="exact")
    found = FoldRank(30, 100, 5, 1, False, 1, 1, 0.2).share()
    assert (found.low, found.high) == pytest.approx((low, high))
    few = FoldRank(3, 9, 3, 1, False, 1, 1, 1 / 3)
    assert math.isnan(few.share().low)
    assert math.isnan(few.advantage().high)


@pytest.mark.parametrize(
    ("losses", "own", "patients", "said"),
    [
        (np.ones((4, 1)), [0] * 4, range(4), "two models or more"),
        (np.ones((4, 2)), [0] * 3, range(4), "two models or more"),
        (np.full((4, 2), np.nan), [0, 1, 0, 1], range(4), "8 losses of a fold-rank test are not finite"),
        (np.ones((4, 2)), [0, 1, 0, 1], [1, 1, 2, 3], "1 of 3 patients has cases that different models"),
    ],
)
def test_what_cannot_be_tested_is_said(losses, own, patients, said):
    with pytest.raises(RemnantError, match=said):
        fold_rank(losses, np.array(own), np.array(patients), np.random.default_rng(0))
