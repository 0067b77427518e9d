"""Spoilt scans are spoilt by as much as they say, and nowhere else."""

import numpy as np
import pytest

from remnant.cohort.spoilt import CONDITIONS, low_resolution, rician


def head() -> tuple[np.ndarray, np.ndarray]:
    image, labels = np.zeros((40, 40, 40), np.float32), np.zeros((40, 40, 40), np.uint8)
    image[4:36, 4:36, 4:36], labels[4:36, 4:36, 4:36] = 0.3, 1
    return image, labels


@pytest.mark.parametrize("decibels", [15, 10])
def test_noise_has_the_ratio_that_it_is_called_by(decibels):
    image, labels = head()
    noisy = rician(image, labels, decibels, np.random.default_rng(0))
    inside = labels > 0
    assert not noisy[~inside].any() and noisy.dtype == np.float32
    # E[noisy^2] = signal^2 + 2 sigma^2, as long as nothing is cut off at 1.
    sigma = np.sqrt((np.square(noisy[inside], dtype=float).mean() - 0.3**2) / 2)
    assert 20 * np.log10(0.3 / sigma) == pytest.approx(decibels, abs=0.4)


def test_a_head_without_labels_has_its_own_noise_too():
    image, labels = head()
    noisy = rician(image, 0 * labels, 10, np.random.default_rng(0))
    assert (noisy == rician(image, labels, 10, np.random.default_rng(0))).all()


@pytest.mark.parametrize("side", [8, 9])
def test_low_resolution_keeps_what_is_smooth_and_loses_what_is_fine(side):
    ramp = np.broadcast_to(np.linspace(0, 1, side, dtype=np.float32), (side,) * 3)
    inner = (slice(2, side - 2),) * 3
    assert np.abs(low_resolution(ramp)[inner] - ramp[inner]).max() < 1e-6
    board = (np.indices((side,) * 3).sum(0) % 2).astype(np.float32)
    assert np.abs(low_resolution(board)[inner] - 0.5).max() < 1e-6
    assert low_resolution(ramp).shape == ramp.shape


def test_all_conditions_of_the_paper_are_there():
    image, labels = head()
    assert list(CONDITIONS) == ["noise_15", "noise_10", "noise_5", "low_resolution"]
    found = [spoil(image, labels, np.random.default_rng(0)) for spoil in CONDITIONS.values()]
    changes = [np.abs(spoilt - image).mean() for spoilt in found]
    assert 0 < changes[0] < changes[1] < changes[2] and changes[3] > 0
