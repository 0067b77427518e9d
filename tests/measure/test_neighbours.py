"""Cosine similarity against scikit-learn, and distinct neighbours against draws."""

import numpy as np
import pytest
from sklearn.metrics.pairwise import cosine_similarity

from remnant.base.errors import RemnantError
from remnant.measure.neighbours import cosine_matrix, distinct_neighbours


def generator(seed=0):
    return np.random.default_rng(seed)


def test_cosine_agrees_with_scikit_learn_and_zero_is_like_nobody():
    left, right = generator(1).normal(size=(7, 12)), generator(2).normal(size=(9, 12))
    right[3] = 0
    np.testing.assert_allclose(cosine_matrix(left, right), cosine_similarity(left, right), atol=1e-6)
    assert (cosine_matrix(left, right)[:, 3] == 0).all()


def test_distinct_neighbours_beside_guessing():
    found = distinct_neighbours(np.array([4, 4, 9, 4, 1]), 10)
    assert (found.distinct, found.most, found.queries) == (3, 3, 5)
    draws = generator().integers(0, 10, (20_000, 5))
    assert found.expected == pytest.approx(np.mean([len(set(row)) for row in draws.tolist()]), abs=0.02)
    assert distinct_neighbours(np.array(["P1", "P1"]), 1).expected == 1
    with pytest.raises(RemnantError, match="gallery of 1"):
        distinct_neighbours(np.array([1, 2]), 1)
