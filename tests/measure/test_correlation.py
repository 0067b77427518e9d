"""NCC and MCC against SciPy, scikit-image and scikit-learn."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import pearsonr
from skimage.filters import threshold_otsu
from sklearn.metrics import matthews_corrcoef

from remnant.base.errors import RemnantError
from remnant.measure import correlation
from remnant.measure.correlation import mcc_matrix, ncc_matrix, otsu_threshold


def images(n, *shape, seed=0):
    random = np.random.default_rng(seed)
    modes = random.random((n, *shape)) < 0.4
    return np.clip(0.3 + 0.4 * modes + 0.1 * random.standard_normal((n, *shape)), 0, 1).astype(np.float32)


@pytest.mark.parametrize("shape", [(12, 13), (9, 10, 11)])
def test_ncc_agrees_with_pearson(shape, monkeypatch):
    monkeypatch.setattr(correlation, "CHUNK", 50)
    left, right = images(3, *shape), images(4, *shape, seed=1)
    right[1] = left[2] * 0.5 + 0.1
    expected = [[pearsonr(a.ravel().astype(float), b.ravel().astype(float))[0] for b in right] for a in left]
    np.testing.assert_allclose(ncc_matrix(left, right), expected, atol=1e-9)


@pytest.mark.parametrize("shape", [(12, 13), (9, 10, 11)])
def test_mcc_agrees_with_scikit_learn(shape):
    left, right = images(3, *shape), images(4, *shape, seed=1)
    right[1] = left[2] ** 2

    def mask(image):
        return (image > threshold_otsu(image)).ravel()

    expected = [[matthews_corrcoef(mask(a), mask(b)) for b in right] for a in left]
    np.testing.assert_allclose(mcc_matrix(left, right), expected, atol=1e-9)


@pytest.mark.parametrize("seed", range(20))
def test_otsu_agrees_with_scikit_image(seed):
    random = np.random.default_rng(seed)
    parts = [random.normal(random.random(), 0.1, size) for size in random.integers(1, 2000, 3)]
    image = np.concatenate(parts).astype(np.float32)
    assert otsu_threshold(image) == pytest.approx(float(threshold_otsu(image)), abs=1e-6)


def test_otsu_of_a_constant_and_of_two_levels():
    assert otsu_threshold(np.full(9, 0.25)) == 0.25
    assert 0.2 < otsu_threshold(np.array([0.2, 0.2, 0.8])) < 0.8


@settings(max_examples=25, deadline=None)
@given(st.floats(0.01, 1), st.floats(0, 0.5), st.integers(0, 1000))
def test_ncc_ignores_gain_and_offset(gain, offset, seed):
    left, right = images(2, 8, 9, seed=seed), images(2, 8, 9, seed=seed + 1)
    matrix = ncc_matrix(left, right)
    np.testing.assert_allclose(ncc_matrix(left * gain + offset, right), matrix, atol=1e-4)
    np.testing.assert_allclose(ncc_matrix(right, left).T, matrix, atol=1e-12)
    np.testing.assert_allclose(ncc_matrix(left, left).diagonal(), 1, atol=1e-12)


@pytest.mark.parametrize("matrix", [ncc_matrix, mcc_matrix])
def test_box_is_the_cropped_image(matrix):
    left, right = images(2, 9, 10, 11), images(2, 9, 10, 11, seed=1)
    box = (slice(1, 8), slice(0, 5), slice(3, 11))
    cut = (slice(None), *box)
    np.testing.assert_allclose(matrix(left, right, box=box), matrix(left[cut], right[cut]), atol=1e-12)
    assert not np.allclose(matrix(left, right, box=box), matrix(left, right))


@pytest.mark.parametrize("matrix", [ncc_matrix, mcc_matrix])
def test_a_constant_image_resembles_nobody(matrix):
    left, right = images(2, 31, 33), images(3, 31, 33, seed=1)
    left[1] = 0.1  # its mean is not exactly 0.1 in binary
    scores = matrix(left, right)
    assert (scores[1] == 0).all()
    assert (scores[0] != 0).all()


@pytest.mark.parametrize("matrix", [ncc_matrix, mcc_matrix])
@pytest.mark.parametrize(
    ("box", "value", "words"),
    [
        (None, np.nan, "NaN"),
        (None, np.inf, "NaN"),
        ((slice(0, 4),), 0, "one slice"),
        ((slice(0, 4), slice(5, 5)), 0, "no voxels"),
    ],
)
def test_refuses(matrix, box, value, words):
    left = images(2, 9, 10)
    left[1, 3, 3] = value
    with pytest.raises(RemnantError, match=words):
        matrix(left, images(2, 9, 10), box=box)
