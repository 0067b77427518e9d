"""Metrics compared: the rows say what the matrices say, and a damage that grows leaves less of the own original."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from skimage.exposure import adjust_gamma, adjust_sigmoid

from remnant.base.errors import RemnantError
from remnant.measure.correlation import ncc_matrix
from remnant.measure.response import DEGRADATIONS, Degradation, compare, response
from remnant.measure.ssim import ssim_matrix


@pytest.fixture
def images():
    random = np.random.default_rng(0)
    stack = np.stack([gaussian_filter(random.random((16, 17, 18)), 1.5) for _ in range(4)])
    return ((stack - stack.min()) / np.ptp(stack)).astype(np.float32)


def test_compare_counts_who_is_first():
    scores = np.array([[3, 1, 2], [1, 2, 2], [0, 1, 5.0]])
    rows = compare({"a": scores, "b": -scores}, np.arange(3), np.random.default_rng(0))
    assert [row["metric"] for row in rows] == ["a", "b"]
    assert [row["rank1_count"] for row in rows] == [2, 0]
    assert rows[0]["rank1"] == pytest.approx(2 / 3) and rows[0]["chance"] == pytest.approx(1 / 3)
    assert rows[0]["rank1_low"] == pytest.approx(0.094, abs=1e-3)
    assert rows[0]["auc"] == pytest.approx((6 + 5 + 6) / 18)  # the own 2 ties with two others of 2
    assert rows[0]["gallery"] == rows[0]["n"] == 3


def test_undamaged_is_one_and_more_damage_leaves_less(images):
    matrices = {
        "ssim": lambda damaged: ssim_matrix(damaged, images),
        "distance": lambda damaged: -np.abs(damaged[:, None] - images).mean((2, 3, 4)),
    }
    rows = response(images, 3.0, matrices, np.random.default_rng(0))
    assert len(rows) == 2 * sum(len(one.levels) for one in DEGRADATIONS.values())
    for name in DEGRADATIONS:
        for metric in matrices:
            own = [row["own"] for row in rows if (row["degradation"], row["metric"]) == (name, metric)]
            assert own[0] == pytest.approx(1, abs=1e-4)
            assert own == sorted(own, reverse=True) and own[-1] < 0.9
    assert all(row["rank1"] == 1 and row["n"] == 4 for row in rows if row["level"] == 0)


def test_zero_is_the_mean_of_the_others(images):
    """A damage that hands each image another's place: its own score is then one of the others'."""
    turn = {"turn": Degradation(lambda image, *_: images[np.argmax((images == image).all((1, 2, 3))) - 1], (1,), "")}
    (row,) = response(images, 1.0, {"ncc": lambda damaged: ncc_matrix(damaged, images)}, np.random.default_rng(0), turn)
    clean = ncc_matrix(images, images)
    low = (clean.sum(1) - 1) / 3
    assert row["own"] == pytest.approx(np.mean((np.roll(clean, 1, 0).diagonal() - low) / (1 - low)))
    assert row["rank1"] == 0


def test_degradations_against_other_implementations(images):
    image, random = images[0], np.random.default_rng(0)
    apply = {name: one.apply for name, one in DEGRADATIONS.items()}
    for name, one in DEGRADATIONS.items():
        np.testing.assert_allclose(one.apply(image, 0, 2.0, random), image, atol=1e-6)
        assert one.levels[0] == 0, name
    np.testing.assert_allclose(apply["blur"](image, 4, 2.0, random), gaussian_filter(image, 2), atol=1e-6)
    np.testing.assert_allclose(apply["gamma"](image, 1, 2.0, random), adjust_gamma(image, 2), atol=1e-6)
    logistic = adjust_sigmoid(image.astype(float), 0.5, 8)
    low, high = (1 / (1 + np.exp(sign * 4)) for sign in (1, -1))
    np.testing.assert_allclose(apply["sigmoid"](image, 8, 2.0, random), (logistic - low) / (high - low), atol=1e-6)
    flat = np.full((40, 40, 40), 0.5, np.float32)
    flat[:20] = 0
    noisy = apply["noise"](flat, 0.2, 2.0, random)
    assert noisy[:20].mean() == pytest.approx(0.1 * np.sqrt(np.pi / 2), rel=0.02)  # Rayleigh, where there is no signal
    assert noisy[20:].std() == pytest.approx(0.1, rel=0.03)


def test_refuses(images):
    with pytest.raises(RemnantError, match="two patients"):
        response(images[:1], 1.0, {}, np.random.default_rng(0))
    with pytest.raises(RemnantError, match="higher more alike"):
        response(images, 1.0, {"d": lambda damaged: -ncc_matrix(damaged, images)}, np.random.default_rng(0))
    with pytest.raises(RemnantError, match="4 images with 4"):
        response(images, 1.0, {"d": lambda damaged: ncc_matrix(damaged, images[:3])}, np.random.default_rng(0))
