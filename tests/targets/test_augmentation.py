import numpy as np
import pytest
import torch
from scipy import ndimage

from remnant.targets.augmentation import Augmentation, augment

NOTHING = {"shift": 0, "rotation": 0, "scale": 0, "contrast": 0, "brightness": 0}


def drawn(count=200, **strength):
    return Augmentation(**(NOTHING | strength)).draw(count, torch.Generator().manual_seed(0))


def spot(row, column, side=32):
    """A blurred dot, the image (1, 1, side, side), values to about 0.6."""
    image = np.zeros((side, side), dtype=np.float32)
    image[row, column] = 15
    return torch.from_numpy(ndimage.gaussian_filter(image, 2))[None, None].clamp(0, 1)


def centre(images):
    return np.array([ndimage.center_of_mass(image) for image in images[:, 0].numpy()])


def test_no_strength_changes_nothing():
    images = torch.rand(5, 1, 16, 16)
    torch.testing.assert_close(augment(images, drawn(5)), images)


def test_images_move_by_as_much_as_was_drawn_and_no_more():
    changes = drawn(shift=0.1)
    moved = centre(augment(spot(15, 15).expand(200, -1, -1, -1), changes)) - centre(spot(15, 15))
    # What is at a place was further right by the offset in the grid, so that the spot goes left.
    expected = -changes.affine[:, [1, 0], 2].numpy() * 16
    assert np.abs(moved - expected).max() < 0.05
    most = np.abs(moved).max(0)
    assert (most > 2.9).all() and (most < 3.21).all() and np.abs(moved.mean(0)).max() < 0.4


def test_images_turn_about_their_middle_and_keep_their_distance():
    moved = centre(augment(spot(15, 25).expand(200, -1, -1, -1), drawn(rotation=20))) - 15.5
    angles = np.degrees(np.arctan2(moved[:, 0], moved[:, 1])) - np.degrees(np.arctan2(-0.5, 9.5))
    assert 18 < np.abs(angles).max() < 20.2 and angles.min() < -15 and angles.max() > 15
    np.testing.assert_allclose(np.hypot(*moved.T), np.hypot(0.5, 9.5), atol=0.1)


def test_images_grow_and_shrink():
    moved = centre(augment(spot(15, 22).expand(200, -1, -1, -1), drawn(scale=0.2))) - 15.5
    shares = moved[:, 1] / 6.5
    assert 0.79 < shares.min() < 0.83 and 1.17 < shares.max() < 1.21


def test_greys_change_and_stay_in_range():
    image = 0.4 + 0.2 * torch.rand(1, 1, 16, 16)
    brighter = augment(image.expand(200, -1, -1, -1), drawn(brightness=0.1)).mean((1, 2, 3)) - image.mean()
    assert -0.1 < brighter.min() < -0.08 and 0.08 < brighter.max() < 0.1
    spread = augment(image.expand(200, -1, -1, -1), drawn(contrast=0.3)).std((1, 2, 3)) / image.std()
    assert 0.69 < spread.min() < 0.75 and 1.25 < spread.max() < 1.31
    wild = augment(torch.rand(50, 1, 16, 16), drawn(50, brightness=0.9, contrast=0.9))
    assert wild.min() >= 0 and wild.max() <= 1


def test_a_seed_repeats_and_images_differ():
    one, same = (Augmentation().draw(6, torch.Generator().manual_seed(3)) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(one, same, strict=True))
    assert len(set(one.brightness.tolist())) == 6
    assert not torch.equal(one.affine, Augmentation().draw(6, torch.Generator().manual_seed(4)).affine)


def test_left_stays_left():
    left = spot(15, 6).expand(100, -1, -1, -1)
    changes = Augmentation().draw(100, torch.Generator().manual_seed(0))
    assert (centre(augment(left, changes)) < [32, 16]).all()


def test_strengths_that_make_no_sense():
    with pytest.raises(ValueError, match="rotation"):
        Augmentation(rotation=-1)
