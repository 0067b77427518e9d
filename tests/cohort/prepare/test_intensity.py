import numpy as np
import pytest

from remnant.cohort.prepare.intensity import intensity_step, without_step


@pytest.fixture
def noise():
    return np.random.default_rng(0).normal(100, 25, (30, 30, 30))


@pytest.mark.parametrize("step", [1.0, 5.958622932434082, 1e-3])
def test_the_step_is_found(noise, step):
    image = (np.rint(noise) * np.float64(step)).astype(np.float32)
    assert intensity_step(image) == pytest.approx(step, rel=0.01)


def test_an_image_without_a_step_and_a_constant_one(noise):
    assert intensity_step(noise.astype(np.float32)) < 1e-4 * np.ptp(noise)
    assert intensity_step(np.ones((3, 3, 3), np.float32)) == 0


def test_the_comb_is_gone_and_the_image_is_not(noise):
    image = (4 * np.rint(noise / 4)).astype(np.float32)
    smooth = without_step(image)

    def comb(values, harmonic):
        return abs(np.exp(2j * np.pi * harmonic * values.astype(np.float64) / 4).mean())

    for harmonic in (1, 2, 3):
        assert comb(image, harmonic) > 0.99 and comb(smooth, harmonic) < 0.02
    assert (smooth - image).std() == pytest.approx(3, rel=0.02) and abs((smooth - image).mean()) < 0.1
    assert np.array_equal(smooth, without_step(image))
