"""The room's list: every similarity answers alike, and says its settings."""

import numpy as np
import pytest

from remnant.measure.similarity import MATRICES
from remnant.measure.ssim import SsimSettings


@pytest.fixture
def stacks():
    random = np.random.default_rng(0)
    gallery = random.random((4, 14, 15, 16)).astype(np.float32)
    return np.clip(gallery[[2, 0, 3]] + 0.1 * random.standard_normal((3, 14, 15, 16)), 0, 1), gallery


@pytest.mark.parametrize("name", MATRICES)
def test_finds_the_noisy_copy(name, stacks):
    scores = MATRICES[name].matrix(*stacks, box=(slice(1, 14), slice(0, 15), slice(2, 16)))
    assert scores.shape == (3, 4)
    assert scores.dtype == np.float64
    assert scores.argmax(1).tolist() == [2, 0, 3]


@pytest.mark.parametrize("name", MATRICES)
def test_describes_dimension_and_box(name):
    text = MATRICES[name].describe((14, 15, 16), (slice(1, 14), slice(None), slice(2, None)))
    assert "3D" in text and "one box for the whole cohort (13 x 15 x 14 voxels)" in text
    assert "2D" in (flat := MATRICES[name].describe((14, 15))) and "whole grid (14 x 15 voxels)" in flat


def test_the_text_of_ssim_states_its_defaults():
    default = SsimSettings()
    words = f"window {default.window}, sigma {default.sigma:g}, data range {default.data_range:g}"
    assert words in MATRICES["ssim"].settings
