"""Exhaustive search against scikit-learn and against sorting the whole matrix, however the gallery comes."""

from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics.pairwise import cosine_similarity
from sklearn.neighbors import NearestNeighbors

from remnant.base.errors import RemnantError
from remnant.measure import neighbours
from remnant.measure.images import centre_box
from remnant.measure.neighbours import cosine_matrix, distinct_neighbours, nearest
from remnant.measure.ssim import ssim_matrix


def generator(seed=0):
    return np.random.default_rng(seed)


def test_cosine_agrees_with_scikit_learn_and_zero_is_like_nobody():
    left, right = generator(1).normal(size=(7, 12)), generator(2).normal(size=(9, 12))
    right[3] = 0
    np.testing.assert_allclose(cosine_matrix(left, right), cosine_similarity(left, right), atol=1e-6)
    assert (cosine_matrix(left, right)[:, 3] == 0).all()


def test_agrees_with_scikit_learn_across_blocks(monkeypatch):
    monkeypatch.setattr(neighbours, "ROWS", 17)
    queries, gallery = (generator(seed).normal(size=(size, 10)).astype(np.float32) for seed, size in ((1, 6), (2, 200)))
    oracle = NearestNeighbors(n_neighbors=4, algorithm="brute", metric="cosine").fit(gallery)
    distances, indices = oracle.kneighbors(queries)
    found = nearest(queries, gallery, 4)
    assert (found.indices == indices).all()
    np.testing.assert_allclose(found.similarities, 1 - distances, atol=1e-6)


def table(scores):
    """A matrix function that looks up `scores` (q, m), for queries and galleries that are row and column numbers."""
    return lambda queries, block: scores[queries][:, block]


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_any_batches_give_what_sorting_gives(data):
    q, m, k = data.draw(st.integers(1, 4)), data.draw(st.integers(1, 40)), data.draw(st.integers(1, 12))
    scores = generator(data.draw(st.integers(0, 99))).integers(0, 5, (q, m)).astype(float)  # many ties
    cuts = sorted(data.draw(st.lists(st.integers(0, m), max_size=5)))  # batches may be empty
    found = nearest(np.arange(q), np.split(np.arange(m), cuts), k, table(scores))
    expected = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    assert (found.indices == expected).all()
    assert (found.similarities == np.take_along_axis(scores, expected, 1)).all()


def test_reads_memory_maps_and_batches_once(tmp_path):
    gallery = generator(1).normal(size=(5000, 6)).astype(np.float32)
    np.save(tmp_path / "features.npy", gallery)
    mapped = np.load(tmp_path / "features.npy", mmap_mode="r")
    expected = nearest(gallery[4321:4323], gallery, 2)
    assert expected.indices[:, 0].tolist() == [4321, 4322]
    assert (nearest(gallery[4321:4323], mapped, 2).indices == expected.indices).all()
    batches = (gallery[start : start + 700] for start in range(0, 5000, 700))
    assert (nearest(gallery[4321:4323], batches, 2).indices == expected.indices).all()


def test_blocks_are_small_whatever_the_number_of_queries(monkeypatch):
    monkeypatch.setattr(neighbours, "BLOCK_BYTES", 4 * 1000)
    seen = []

    def watch(queries, block):
        seen.append(len(queries) * len(block))
        return cosine_matrix(queries, block)

    nearest(generator().normal(size=(30, 3)), generator(1).normal(size=(500, 3)), matrix=watch)
    assert max(seen) <= 1000 and sum(seen) == 30 * 500


def test_images_by_ssim_with_and_without_their_borders(images):
    gallery = images(9, 32, 32)
    queries = gallery[[2, 7]].copy()
    queries[:, :6] = gallery[0, :6]  # another's border
    whole = nearest(queries, gallery, 9, ssim_matrix)
    np.testing.assert_allclose(np.sort(whole.similarities), np.sort(ssim_matrix(queries, gallery)), atol=1e-6)
    cropped = nearest(queries, gallery, 1, partial(ssim_matrix, box=centre_box((32, 32), 0.5)))
    assert cropped.indices[:, 0].tolist() == [2, 7]
    np.testing.assert_allclose(cropped.similarities, 1, atol=1e-5)


def test_distinct_neighbours_beside_guessing():
    found = distinct_neighbours(np.array([4, 4, 9, 4, 1]), 10)
    assert (found.distinct, found.most, found.queries) == (3, 3, 5)
    draws = generator().integers(0, 10, (20_000, 5))
    assert found.expected == pytest.approx(np.mean([len(set(row)) for row in draws.tolist()]), abs=0.02)
    assert distinct_neighbours(np.array(["P1", "P1"]), 1).expected == 1
    with pytest.raises(RemnantError, match="gallery of 1"):
        distinct_neighbours(np.array([1, 2]), 1)


def test_refuses():
    queries = np.ones((2, 3))
    with pytest.raises(RemnantError, match="empty"):
        nearest(queries, [])
    with pytest.raises(RemnantError, match="shape"):
        nearest(queries, np.ones((4, 2)))
    with pytest.raises(RemnantError, match="NaN"):
        nearest(queries, np.full((4, 3), np.nan))
    with pytest.raises(RemnantError, match="at least one"):
        nearest(queries, np.ones((4, 3)), 0)
    with pytest.raises(RemnantError, match="centre crop"):
        centre_box((8, 8), 0)


def test_centre_box():
    assert centre_box((64, 63), 0.75) == (slice(8, 56), slice(8, 55))
    assert centre_box((5, 5), 1) == (slice(0, 5), slice(0, 5))
