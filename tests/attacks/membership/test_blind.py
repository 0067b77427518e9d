"""The blind baseline: silent on groups that are alike, and not on groups that differ."""

import numpy as np
import pytest
import torch

from remnant.attacks.membership.blind import blind_features, sharpness
from remnant.base.errors import RemnantError
from remnant.cohort.images import Images
from remnant.measure.blind import blind_test
from remnant.measure.roles import MEMBER, NON_MEMBER

ROLES = np.repeat([MEMBER, NON_MEMBER], 12)


def generator(seed=0):
    return np.random.default_rng(seed)


def features_of(images, patients=range(24), details=None):
    """As `blind_features` gives them, of `images` (n, 1, *spatial)."""
    return blind_features(Images(tuple(images), None, tuple(map(str, patients)), details=details or {}))


def images(count, seed, side=16):
    return torch.from_numpy(generator(seed).random((count, 1, side, side), dtype=np.float32) * 0.8)


def test_groups_that_are_alike_raise_no_more_alarms_than_the_level_says():
    p_values = []
    for seed in range(80):
        _, features = features_of(images(24, seed), details={"age": generator(seed).normal(60, 9, 24)})
        p_values.append(blind_test(features, ROLES, generator(seed), 19).p)
    assert np.mean(np.array(p_values) <= 0.05) < 0.13
    assert 0.4 < np.mean(p_values) < 0.62


@pytest.mark.parametrize("what", ["brightness", "place", "age", "age known", "images", "sex"])
def test_a_planted_difference_is_seen(what):
    shown, patients, details = images(24, 1), [f"p{i}" for i in range(24)], {}
    if what == "brightness":
        shown[:12] += 0.08
    if what == "place":
        shown[:12, :, :4, :4] += 0.2
    if what == "age":
        details = {"age": np.where(ROLES == MEMBER, 70, 50) + generator(2).normal(0, 8, 24)}
    if what == "age known":
        details = {"age": np.where(ROLES == MEMBER, 60.0, np.nan)}
    if what == "sex":
        details = {"sex": (ROLES == MEMBER) ^ (generator(2).random(24) < 0.1)}
    if what == "images":
        shown, patients = torch.cat([shown, images(12, 3)]), patients + patients[:12]
    names, features = features_of(shown, patients, details)
    assert len(names) == len(features) == 24
    found = blind_test(features, ROLES, generator())
    assert found.p < 0.05 and found.auc.mean > 0.7


def test_a_difference_between_scans_is_seen():
    shown = torch.rand(24, 1, 8, 8, 8, generator=torch.Generator().manual_seed(0)) * 0.8
    shown[:12] *= 1.2
    assert blind_test(features_of(shown)[1], ROLES, generator()).p < 0.05


def scans_of_a_softer_scanner(shape):
    """Noise of two scanners, one of which blurs, with the very same histogram."""
    noise = generator(7).normal(size=(24, *shape))
    for axis in range(1, noise.ndim):
        noise[:12] += 0.5 * (np.roll(noise[:12], 1, axis) + np.roll(noise[:12], -1, axis))
    ranks = noise.reshape(24, -1).argsort(1).argsort(1).reshape(noise.shape)
    return torch.from_numpy(ranks / ranks.max()).float()[:, None]


@pytest.mark.parametrize("shape", [(32, 32), (12, 12, 12)])
def test_other_sharpness_is_seen_where_greys_are_the_same(shape):
    shown = scans_of_a_softer_scanner(shape)
    assert blind_test(features_of(shown)[1], ROLES, generator(), 199).p <= 0.025


def test_sharpness_is_that_of_the_image_as_it_is_and_not_as_it_is_reduced():
    board = torch.from_numpy(np.indices((32, 32)).sum(0) % 2 - 0.5).float()
    shown = [image + 0.2 * board * (place < 12) for place, image in enumerate(images(24, 6, side=32))]
    # One smaller image of either group, so that all are reduced to its sides, where nothing of the board is left.
    shown[0], shown[12] = shown[0][:, :8, :8], shown[12][:, :8, :8]
    read = Images(tuple(shown), None, tuple(f"p{i}" for i in range(24)))
    assert blind_test(blind_features(read)[1], ROLES, generator(), 199).p <= 0.025


def test_sharpness_by_hand():
    image = torch.tensor([[[0.0, 0, 0], [0, 1, 0], [0, 0, 2]]])
    # Differences along columns 1, 1 and 2 of 6, along rows the same; the Laplacian in the middle is -4.
    assert np.exp(sharpness(image)) == pytest.approx([(4 / 6 + 4 / 6) / 2, 16], rel=1e-6)
    assert sharpness(torch.zeros(1, 1, 2, 5)).shape == (2,)


def test_that_groups_change_places_does_not_hide_that_they_differ():
    shown = images(24, 4)
    shown[:12] += 0.1
    features = features_of(shown)[1]
    swapped = blind_test(np.stack([features, features]), np.stack([ROLES, -ROLES]), generator(), 99)
    assert (swapped.members, swapped.non_members) == (24, 24)
    assert swapped.p < 0.05


def test_a_patient_is_in_one_part_of_the_cross_validation_with_all_images():
    shown = images(24, 5)
    twins = torch.cat([shown, shown])
    roles = generator(1).permutation(ROLES)
    features = features_of(twins, [f"p{i}" for i in range(24)] * 2)[1]
    assert len(features) == 24
    assert blind_test(features, roles, generator(), 99).p > 0.05


def test_what_does_not_fit_is_refused():
    features = np.zeros((6, 3))
    with pytest.raises(RemnantError, match="two members and two non-members"):
        blind_test(features, np.array([1, -1, -1, -1, -1, -1]), generator())
    with pytest.raises(RemnantError, match="one role a patient"):
        blind_test(features, np.array([1, -1]), generator())
