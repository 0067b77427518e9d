"""MS-SSIM against pytorch-msssim, and what it does where five scales do not fit."""

import numpy as np
import pytest
import torch
from pytorch_msssim import ms_ssim

from remnant.base.errors import RemnantError
from remnant.measure.ms_ssim import WEIGHTS, describe_scales, ms_ssim_matrix, scale_weights, scales
from remnant.measure.similarity import MATRICES
from remnant.measure.ssim import SsimSettings, ssim_matrix


def oracle(left, right, weights, window=11):
    one = {"data_range": 1, "weights": list(weights), "win_size": window}
    return np.array(
        [
            [
                float(ms_ssim(torch.tensor(a)[None, None].double(), torch.tensor(b)[None, None].double(), **one))
                for b in right
            ]
            for a in left
        ]
    )


@pytest.mark.parametrize(("shape", "window"), [((176, 192), 11), ((48, 80, 96), 5), ((40, 48, 64), 3)])
def test_agrees_with_pytorch_msssim(images, shape, window):
    left, right = images(2, *shape), images(2, *shape, seed=1)
    right[0] = np.clip(0.8 * left[0] + 0.1, 0, 1)
    count = scales(shape, window)
    expected = oracle(left, right, scale_weights(count), window)
    found = ms_ssim_matrix(left, right, SsimSettings(window=window))
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert np.ptp(found) > 0.1


@pytest.mark.slow
def test_agrees_in_three_dimensions_at_five_scales(images):
    left, right = images(1, 176, 176, 176), images(2, 176, 176, 176, seed=1)
    np.testing.assert_allclose(ms_ssim_matrix(left, right), oracle(left, right, WEIGHTS), atol=1e-5)


def test_as_many_scales_as_hold_the_window():
    assert [scales((side, 300, 300)) for side in (11, 21, 22, 43, 44, 87, 88, 175, 176, 1000)] == [
        1, 1, 2, 2, 3, 3, 4, 4, 5, 5,
    ]  # fmt: skip
    assert scale_weights(3).sum() == pytest.approx(1)
    assert scale_weights(5).tolist() == list(WEIGHTS)


def test_one_scale_is_ssim(images):
    left, right = images(2, 20, 21, 19), images(3, 20, 21, 19, seed=1)
    np.testing.assert_allclose(ms_ssim_matrix(left, right), ssim_matrix(left, right).clip(0), atol=1e-7)


def test_of_some_pairs_it_is_that_of_all_and_nothing_of_the_others(images):
    left, right = images(3, 30, 31, 29), images(7, 30, 31, 29, seed=1)
    wanted = np.zeros((3, 7), dtype=bool)
    wanted[[0, 0, 2], [1, 6, 3]] = True
    wanted[1] = True
    found = ms_ssim_matrix(left, right, wanted=wanted)
    np.testing.assert_allclose(found[wanted], ms_ssim_matrix(left, right)[wanted], rtol=1e-6)
    assert np.isnan(found[~wanted]).all()


def test_a_box_an_odd_side_and_itself(images):
    stack = images(3, 50, 48, 47)
    box = (slice(1, 50), slice(2, 47), slice(0, 45))
    matrix = ms_ssim_matrix(stack, stack, box=box)
    np.testing.assert_allclose(matrix.diagonal(), 1, atol=1e-5)
    np.testing.assert_allclose(matrix, matrix.T, atol=1e-5)
    np.testing.assert_allclose(matrix, ms_ssim_matrix(stack[(slice(None), *box)], stack[(slice(None), *box)]))


def test_negative_contrast_structure_counts_as_none(images):
    image = images(1, 48, 48)
    assert ms_ssim_matrix(image, 1 - image, SsimSettings(window=3)) == 0


def test_the_words_say_how_many_scales():
    assert "3 scales of at most 5, weights of Wang 2003 renormalised" in MATRICES["ms_ssim"].describe((64, 80, 64))
    assert "2 scales" in MATRICES["ms_ssim"].describe((64, 80, 64), (slice(10, 40), slice(None), slice(None)))
    assert describe_scales((192, 192, 192)).startswith("5 scales of at most 5, weights of Wang 2003, ")


def test_refuses_what_ssim_refuses(images):
    with pytest.raises(RemnantError, match="at least 11 voxels"):
        ms_ssim_matrix(images(1, 20, 20)[:, :10], images(1, 20, 20)[:, :10])
    with pytest.raises(RemnantError, match="must lie in"):
        ms_ssim_matrix(images(1, 20, 20) * 2, images(1, 20, 20))
