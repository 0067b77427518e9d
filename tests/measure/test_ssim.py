"""SSIM against scikit-image, its invariances, and its memory."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from skimage.metrics import structural_similarity

from remnant.base.errors import RemnantError
from remnant.measure import ssim, windows
from remnant.measure.ssim import SsimSettings, ssim_matrix


def oracle(left, right):
    return np.array(
        [
            [
                structural_similarity(
                    a.astype(float),
                    b.astype(float),
                    gaussian_weights=True,
                    sigma=1.5,
                    use_sample_covariance=False,
                    data_range=1,
                )
                for b in right
            ]
            for a in left
        ]
    )


@pytest.mark.parametrize("shape", [(40, 33), (11, 11), (23, 30, 25), (11, 12, 40), (50, 12, 13)])
def test_agrees_with_scikit_image(images, shape):
    left, right = images(2, *shape), images(3, *shape, seed=1)
    right[0] = np.clip(left[0] + 0.05, 0, 1)
    np.testing.assert_allclose(ssim_matrix(left, right), oracle(left, right), atol=1e-5)


def test_box_is_the_cropped_image(images):
    left, right = images(2, 30, 31, 32), images(2, 30, 31, 32, seed=1)
    box = (slice(2, 20), slice(5, 31), slice(1, 30))
    cut = (slice(None), *box)
    np.testing.assert_allclose(ssim_matrix(left, right, box=box), oracle(left[cut], right[cut]), atol=1e-5)


@pytest.mark.parametrize(
    ("tile", "statistics"), [((1, 5), 2**28), ((7, 64), 2**28), ((64, 4), 2**28), ((16, 48), 1), ((16, 48), 2**28)]
)
def test_result_does_not_depend_on_the_blocks(images, monkeypatch, tile, statistics):
    left, right = images(2, 30, 21, 22), images(5, 30, 21, 22, seed=1)
    expected = ssim_matrix(left, right)
    monkeypatch.setattr(ssim, "TILE", tile)
    monkeypatch.setattr(ssim, "TILE_BYTES", statistics)
    monkeypatch.setattr(ssim, "TOGETHER", 5000)
    monkeypatch.setattr(windows, "BLOCK", 5)
    np.testing.assert_allclose(ssim_matrix(left, right), expected, atol=2e-6)


@settings(max_examples=15, deadline=None)
@given(arrays(np.float32, (3, 13, 14), elements=st.floats(0, 1, width=32)))
def test_symmetric_one_on_itself_and_bounded(stack):
    matrix = ssim_matrix(stack, stack)
    np.testing.assert_allclose(matrix, matrix.T, atol=1e-5)
    np.testing.assert_allclose(matrix.diagonal(), 1, atol=1e-5)
    assert np.abs(matrix).max() <= 1 + 1e-5


def test_flat_images_are_exact():
    """Only the means differ, so the formula is known; this is where single precision cancels worst."""
    levels = np.linspace(0, 1, 40, dtype=np.float32)
    stack = np.broadcast_to(levels[:, None, None, None], (40, 12, 13, 14)).copy()
    a, b = levels[:, None].astype(float), levels[None].astype(float)
    np.testing.assert_allclose(ssim_matrix(stack, stack), (2 * a * b + 1e-4) / (a**2 + b**2 + 1e-4), atol=1e-6)


def test_flat_regions_of_different_levels_in_one_slab():
    """Steps between flat levels inside a slab: centring leaves products as large as the steps."""
    stack = np.zeros((3, 32, 40, 36), np.float32)
    stack[:, 16:] = 0.97
    stack[0, :, 20:] = 0.3
    stack[1, :, :, 18:] = 1
    np.testing.assert_allclose(ssim_matrix(stack, stack), oracle(stack, stack), atol=1e-5)


def test_mirroring_both_images_changes_nothing(images):
    left, right = images(2, 20, 21, 22), images(3, 20, 21, 22, seed=1)
    for axis in (1, 2, 3):
        mirrored = ssim_matrix(np.flip(left, axis).copy(), np.flip(right, axis).copy())
        np.testing.assert_allclose(mirrored, ssim_matrix(left, right), atol=1e-5)


def test_takes_tensors_memory_maps_and_empty_stacks(images, tmp_path):
    left, right = images(2, 20, 21), images(3, 20, 21, seed=1)
    np.save(tmp_path / "left.npy", left)
    mapped = np.load(tmp_path / "left.npy", mmap_mode="r")
    expected = ssim_matrix(left, right)
    np.testing.assert_array_equal(ssim_matrix(torch.from_numpy(left), torch.from_numpy(right)), expected)
    np.testing.assert_array_equal(ssim_matrix(mapped, right), expected)
    assert ssim_matrix(left[:0], right).shape == (0, 3)


def test_does_not_change_its_input(images):
    left = images(2, 20, 21)
    before = left.copy()
    ssim_matrix(left, left)
    np.testing.assert_array_equal(left, before)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda x: x[:, :10], "at least 11 voxels"),
        (lambda x: x * 2, "must lie in"),
        (lambda x: x - 0.1, "must lie in"),
        (lambda x: np.where(x == x[1].max(), np.nan, x), "NaN"),
        (lambda x: x[:, None, None], "2D or 3D"),
        (lambda x: x[:, :15], "one grid"),
    ],
)
def test_refuses(images, spoil, words):
    good = images(2, 20, 21)
    spoilt = spoil(good)
    with pytest.raises(RemnantError, match=words):
        ssim_matrix(spoilt, spoilt if "one grid" not in words else good)


@pytest.mark.parametrize("wrong", [{"window": 10}, {"window": 1}, {"sigma": 0}, {"data_range": -1}])
def test_settings_refuse(wrong):
    with pytest.raises(RemnantError):
        SsimSettings(**wrong)


PEAK = """
import resource, sys
import numpy as np, torch
from remnant.measure.ssim import ssim_matrix
torch.set_num_threads(1)
n = int(sys.argv[1])
stack = np.random.default_rng(0).random((2, 32, 32, 32), dtype=np.float32)[np.arange(n) % 2]
ssim_matrix(stack[:2], stack[:2])
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
ssim_matrix(stack, stack)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_memory_does_not_grow_with_the_pairs():
    """40 x 40 pairs of 32^3 are 400 MiB in double precision; what may be held are slabs of 80 images."""
    out = subprocess.run([sys.executable, "-c", PEAK, "40"], capture_output=True, text=True, check=True)
    assert int(out.stdout) / 1024 < 50
