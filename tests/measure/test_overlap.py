"""Dice against scikit-learn's F1, which is the same number."""

import numpy as np
import pytest
from sklearn.metrics import f1_score

from remnant.base.errors import RemnantError
from remnant.measure import overlap
from remnant.measure.overlap import dice, dice_matrix, mean_dice, weighted_dice


def test_agrees_with_f1():
    random = np.random.default_rng(0)
    prediction = random.integers(0, 4, (3, 6, 7, 8)).astype(np.uint8)
    reference = np.where(random.random(prediction.shape) < 0.5, prediction, 1).astype(np.uint8)
    expected = [f1_score(r.ravel(), p.ravel(), average=None) for p, r in zip(prediction, reference, strict=True)]
    np.testing.assert_allclose(dice(prediction, reference, 4), expected)
    np.testing.assert_allclose(dice(reference, prediction, 4), expected)


def test_many_classes_do_not_overflow_small_integers():
    labels = np.arange(200, dtype=np.uint8).reshape(1, 10, 20)
    assert (dice(labels, labels, 200) == 1).all()


def test_a_class_in_neither_is_nan_and_left_out_of_the_mean():
    prediction, reference = np.zeros((2, 2, 3), dtype=int), np.zeros((2, 2, 3), dtype=int)
    prediction[0, 0] = 1
    reference[0, 0, 0] = 1
    reference[0, 1, 0] = 2
    values = dice(prediction, reference, 4)
    np.testing.assert_allclose(values[0], [2 * 2 / 7, 0.5, 0, np.nan])
    np.testing.assert_allclose(values[1], [1, np.nan, np.nan, np.nan])
    np.testing.assert_allclose(mean_dice(values), [0.25, np.nan])


def test_no_cases():
    empty = np.zeros((0, 4, 4), dtype=int)
    assert dice(empty, empty, 3).shape == (0, 3)
    assert mean_dice(dice(empty, empty, 3)).shape == (0,)


@pytest.mark.parametrize(
    ("prediction", "words"),
    [
        (np.full((1, 2, 2), 3), "0 to 2"),
        (np.full((1, 2, 2), -1), "0 to 2"),
        (np.zeros((1, 2, 3), int), "one shape"),
        (np.zeros((1, 2, 2)), "integer"),
    ],
)
def test_refuses(prediction, words):
    with pytest.raises(RemnantError, match=words):
        dice(prediction, np.zeros((1, 2, 2), int), 3)


def test_matrix_is_the_mean_dice_of_every_pair(monkeypatch):
    monkeypatch.setattr(overlap, "CHUNK", 100)
    random = np.random.default_rng(0)
    left, right = (random.integers(0, 4, (n, 6, 7, 8)).astype(np.uint8) for n in (3, 4))
    left[0][left[0] == 3] = 0
    right[1][right[1] == 3] = 0  # the pair (0, 1) lacks a class, the pair (0, 0) lacks it on one side
    expected = [[mean_dice(dice(a[None], b[None], 5))[0] for b in right] for a in left]
    np.testing.assert_allclose(dice_matrix(left, right, 5), expected, rtol=1e-12)


def test_matrix_of_empty_maps_and_of_none():
    empty = np.zeros((2, 3, 3), int)
    assert (dice_matrix(empty, empty, 3) == 0).all()
    assert dice_matrix(empty[:0], empty, 3).shape == (0, 2)


@pytest.mark.parametrize(
    ("gallery", "words"),
    [
        (np.full((1, 2, 2), 3), "gallery.*0 to 2"),
        (np.zeros((1, 2, 3), int), "one grid"),
        (np.zeros(3, int), "one shape"),
    ],
)
def test_matrix_refuses(gallery, words):
    with pytest.raises(RemnantError, match=words):
        dice_matrix(np.zeros((1, 2, 2), int), gallery, 3)


def test_overall_weighs_by_the_size_in_the_truth():
    random = np.random.default_rng(0)
    prediction, reference = (random.choice(4, (3, 6, 7, 8), p=(0.4, 0.3, 0.2, 0.1)) for _ in range(2))
    expected = [
        f1_score(r.ravel(), p.ravel(), average="weighted", labels=[1, 2, 3])
        for p, r in zip(prediction, reference, strict=True)
    ]
    np.testing.assert_allclose(weighted_dice(dice(prediction, reference, 4), reference), expected)


def test_overall_without_a_class_or_with_an_invented_one():
    reference = np.array([[1, 1, 2, 0], [1, 0, 0, 0], [0, 0, 0, 0]])
    prediction = np.array([[1, 1, 0, 0], [1, 2, 2, 0], [0, 0, 0, 0]])
    np.testing.assert_allclose(weighted_dice(dice(prediction, reference, 4), reference), [2 / 3, 1, np.nan])
    with pytest.raises(RemnantError, match="0 to 1"):
        weighted_dice(np.ones((3, 2)), reference)
