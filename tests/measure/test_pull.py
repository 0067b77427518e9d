import numpy as np
import pytest

from remnant.base.errors import RemnantError
from remnant.measure.pull import membership_pull

MEMBER = np.arange(12) < 6


def noise(images=10, seed=0):
    return np.random.default_rng(seed).normal(0, 0.01, (images, 12))


def rng():
    return np.random.default_rng(1)


def test_the_difference_is_of_the_nearest_on_either_side():
    scores = np.array([[0.9, 0.1, 0.5, 0.2], [0.3, 0.4, 0.1, 0.8]])
    found = membership_pull(scores, np.array([True, True, False, False]), rng(), resamples=10)
    assert found.difference == pytest.approx(((0.9 - 0.5) + (0.4 - 0.8)) / 2)
    assert (found.drawn, found.members, found.non_members) == (2, 2, 2)


def test_images_near_members_are_pulled_and_p_is_exact_enough():
    scores = noise()
    scores[:, MEMBER] += 0.3
    found = membership_pull(scores, MEMBER, rng(), resamples=2000)
    assert found.difference > 0.25 and found.difference > found.detectable
    # All six members must be dealt together again: 1 of 924 ways, and noise never makes up for one.
    assert found.p < 0.01
    assert membership_pull(scores, ~MEMBER, rng(), resamples=500).p > 0.99


def test_one_patient_whom_all_resemble_is_no_evidence():
    scores = noise()
    scores[:, 0] += 0.3
    assert membership_pull(scores, MEMBER, rng(), resamples=500).p > 0.3


def test_p_is_uniform_without_a_pull():
    ps = [membership_pull(noise(seed=seed), MEMBER, rng(), resamples=99).p for seed in range(200)]
    assert 0.01 <= np.mean(np.array(ps) <= 0.05) <= 0.1 and 0.4 < np.mean(ps) < 0.6


def test_what_the_control_is_pulled_is_taken_off():
    scores = noise()
    scores[:, MEMBER] += 0.3
    found = membership_pull(scores, MEMBER, rng(), control=scores[:5], resamples=200)
    assert abs(found.difference) < 0.02 and found.p > 0.05


@pytest.mark.parametrize(
    ("scores", "member"),
    [
        (np.zeros((2, 3)), np.array([True, False])),
        (np.full((2, 2), np.nan), np.array([True, False])),
        (np.zeros((2, 2)), np.array([True, True])),
        (np.zeros((0, 2)), np.array([True, False])),
    ],
)
def test_what_cannot_be_compared(scores, member):
    with pytest.raises(RemnantError, match="The pull needs"):
        membership_pull(scores, member, rng())
