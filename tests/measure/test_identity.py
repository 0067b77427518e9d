"""Ranks and AUC against SciPy and scikit-learn."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import rankdata
from sklearn.metrics import roc_auc_score

from remnant.base.errors import RemnantError
from remnant.measure import identity


def generator():
    return np.random.default_rng(0)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 6), st.integers(1, 8), st.integers(1, 5), st.integers(0, 10_000))
def test_ranks_agree_with_scipy(n, m, levels, seed):
    random = np.random.default_rng(seed)
    scores, own = random.integers(0, levels, (n, m)), random.integers(0, m, n)
    expected = [rankdata(-row)[index] for row, index in zip(scores, own, strict=True)]
    np.testing.assert_array_equal(identity.ranks(scores, own), expected)


@settings(max_examples=30, deadline=None)
@given(st.permutations(range(7)))
def test_ranks_follow_a_permutation(order):
    assert identity.ranks(-np.array([order] * 7), np.arange(7)).tolist() == [place + 1 for place in order]


def test_a_reconstruction_that_resembles_all_alike_is_at_chance():
    ranks = identity.ranks(np.zeros((5, 40)), np.arange(5))
    assert identity.mean_rank(ranks) == identity.chance_mean_rank(identity.gallery_sizes(np.zeros((5, 40)))) == 20.5
    assert identity.rank1_count(ranks) == 0
    assert identity.own_versus_others_auc(np.zeros((5, 40)), np.arange(5), generator()).mean == 0.5


def test_candidates_left_out_do_not_count():
    scores = np.array([[0.5, 0.9, 0.1], [0.2, 0.3, 0.3]])
    allowed = np.array([[True, False, True], [True, True, True]])
    scores[0, 1] = np.nan  # never looked at
    ranks = identity.ranks(scores, np.array([0, 1]), allowed)
    assert ranks.tolist() == [1, 1.5]
    assert identity.gallery_sizes(scores, allowed).tolist() == [2, 3]
    assert identity.chance_rank1(np.array([2, 3])) == pytest.approx((1 / 2 + 1 / 3) / 2)
    assert identity.chance_mean_rank(np.array([2, 3])) == 1.75
    assert identity.rank1_count(ranks) == 1


def test_histogram_counts_every_row_once_and_half_ranks_below():
    ranks = np.array([1, 1, 1.5, 4])
    assert identity.rank_histogram(ranks, 5).tolist() == [2, 1, 0, 1, 0]
    assert identity.rank_histogram(np.array([]), 3).tolist() == [0, 0, 0]
    with pytest.raises(RemnantError):
        identity.rank_histogram(ranks, 3)


@pytest.mark.parametrize("levels", [3, 1000])
def test_auc_agrees_with_scikit_learn(levels):
    random = np.random.default_rng(levels)
    scores, own = random.integers(0, levels, (12, 14)).astype(float), random.integers(0, 14, 12)
    scores[np.arange(12), own] += levels / 4
    allowed = random.random((12, 14)) < 0.8
    allowed[np.arange(12), own] = True
    mine = np.arange(14) == own[:, None]
    expected = roc_auc_score(mine[allowed], scores[allowed])
    found = identity.own_versus_others_auc(scores, own, generator(), allowed)
    assert found.mean == pytest.approx(expected, abs=1e-12)
    assert found.low < expected < found.high
    assert found.n == 12


def test_auc_interval_is_the_bootstrap_of_patients():
    """The table of wins against scikit-learn on rows that are really drawn again, patient by patient."""
    random = np.random.default_rng(1)
    own, patients = np.arange(14), np.repeat(np.arange(10), [1, 1, 1, 1, 1, 1, 2, 2, 2, 2])
    scores = random.random((14, 14)) + 0.5 * np.eye(14)
    labels = np.eye(14, dtype=bool)
    drawn = []
    for _ in range(600):
        rows = np.concatenate([np.flatnonzero(patients == p) for p in random.integers(0, 10, 10)])
        drawn.append(roc_auc_score(labels[rows].ravel(), scores[rows].ravel()))
    found = identity.own_versus_others_auc(scores, own, generator(), patients=patients)
    np.testing.assert_allclose([found.low, found.high], np.quantile(drawn, [0.025, 0.975]), atol=0.03)
    assert found.n == 10


def test_auc_of_too_few():
    one = identity.own_versus_others_auc(np.array([[1.0, 0.0]]), np.array([0]), generator())
    assert one.mean == 1 and math.isnan(one.low) and one.n == 1
    few = identity.own_versus_others_auc(generator().random((9, 9)), np.arange(9), generator())
    assert math.isfinite(few.mean) and math.isnan(few.low) and math.isnan(few.high) and few.n == 9
    assert math.isnan(identity.own_versus_others_auc(np.ones((2, 1)), np.zeros(2, int), generator()).mean)
    assert math.isnan(identity.own_versus_others_auc(np.ones((0, 3)), np.zeros(0, int), generator()).mean)


def test_nobody():
    nobody = identity.ranks(np.zeros((0, 4)), np.zeros(0, int))
    assert nobody.shape == (0,)
    assert math.isnan(identity.mean_rank(nobody))
    assert math.isnan(identity.chance_rank1(nobody)) and math.isnan(identity.chance_mean_rank(nobody))


@pytest.mark.parametrize(
    ("scores", "own", "allowed", "words"),
    [
        (np.array([[np.nan, 1.0]]), np.array([0]), None, "NaN"),
        (np.ones((1, 2)), np.array([2]), None, "gallery of 2"),
        (np.ones((1, 2)), np.array([-1]), None, "gallery of 2"),
        (np.ones((1, 2)), np.array([0.0]), None, "integers"),
        (np.ones((2, 2)), np.array([0]), None, "one own index"),
        (np.ones((1, 2)), np.array([0]), np.array([[False, True]]), "own original"),
        (np.ones((1, 2)), np.array([0]), np.array([True, True]), "shape"),
    ],
)
def test_refuses(scores, own, allowed, words):
    with pytest.raises(RemnantError, match=words):
        identity.ranks(scores, own, allowed)


def test_auc_wants_a_patient_a_row():
    with pytest.raises(RemnantError, match="one patient a row"):
        identity.own_versus_others_auc(np.ones((2, 3)), np.array([0, 1]), generator(), patients=["a"])
