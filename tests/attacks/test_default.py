import numpy as np
import pytest
import torch

from remnant.attacks.default import SLAB, background_aware_error, ssim_loss
from remnant.measure.ssim import ssim_matrix


def pair(side):
    rng = np.random.default_rng(0)
    truth = rng.random((2, 1, side, 24, 20)).astype(np.float32)
    drawn = np.clip(truth + rng.normal(0, 0.2, truth.shape), 0, 1).astype(np.float32)
    return drawn, truth


def test_the_ssim_loss_is_what_measure_says_where_the_slab_is_the_whole():
    drawn, truth = pair(SLAB)
    found = ssim_loss(torch.from_numpy(drawn), torch.from_numpy(truth), torch.Generator().manual_seed(0))
    expected = 1 - np.diag(ssim_matrix(drawn[:, 0], truth[:, 0])).mean()
    assert found.item() == pytest.approx(expected, abs=1e-4)


def test_a_slab_of_a_larger_volume_is_drawn_anew_each_time():
    drawn, truth = (torch.from_numpy(part) for part in pair(SLAB + 16))
    drawing = torch.Generator().manual_seed(0)
    values = [ssim_loss(drawn, truth, drawing).item() for _ in range(20)]
    slabs = [1 - np.diag(ssim_matrix(drawn[:, 0, i : i + SLAB], truth[:, 0, i : i + SLAB])).mean() for i in range(17)]
    assert len(set(values)) > 3
    assert all(min(abs(value - slab) for slab in slabs) < 1e-4 for value in values)


def test_the_background_may_fall_below_zero_and_nothing_else_may():
    truth = torch.tensor([0.0, 0.0, 0.5]).reshape(1, 1, 3, 1, 1)
    drawn = torch.tensor([-1.0, 0.3, -0.5]).reshape(1, 1, 3, 1, 1)
    assert background_aware_error(drawn, truth).item() == pytest.approx((0.3**2 + 1) / 3)
