import numpy as np
import pytest

from remnant.cohort.fit import fits_better_turned, lies_outside


@pytest.fixture
def brain():
    """An image (36, 36, 40) of three tissues in air, and their labels; what is bright lies left, in front, below."""
    x, y, z = np.indices((36, 36, 40)) - np.array([17.5, 17.5, 19.5])[:, None, None, None]
    labels = (np.sqrt((x / 13) ** 2 + (y / 15) ** 2 + (z / 14) ** 2) < 1).astype(np.int64)
    labels[np.sqrt((x / 9) ** 2 + (y / 10) ** 2 + (z / 9) ** 2) < 1] = 312782560
    labels[np.sqrt((x + 5) ** 2 + (y - 6) ** 2 + (z + 4) ** 2) < 5] = 2
    image = np.select([labels == 1, labels == 2, labels > 2], [400, 900, 650], 0.0)
    return (image + np.random.default_rng(0).normal(0, 20, image.shape)).astype(np.float32), labels


@pytest.mark.parametrize("flip", [(0,), (1,), (2,), (0, 1), (0, 1, 2)])
def test_flipped_labels_are_found(brain, flip):
    image, labels = brain
    assert not fits_better_turned(image, labels)
    assert fits_better_turned(image, np.flip(labels, flip)) and not lies_outside(image, np.flip(labels, flip))


def test_exchanged_axes_are_found_where_shapes_agree(brain):
    image, labels = brain
    assert fits_better_turned(image, labels.transpose(1, 0, 2))
    # A large volume is thinned without another answer.
    large = [np.repeat(np.repeat(np.repeat(part, 3, 0), 3, 1), 3, 2) for part in brain]
    assert not fits_better_turned(*large) and fits_better_turned(large[0], large[1][::-1])


def test_labels_that_explain_nothing_tell_nothing(brain):
    image, _ = brain
    noise = np.random.default_rng(1).integers(0, 3, image.shape)
    assert not fits_better_turned(image, noise) and not fits_better_turned(np.zeros_like(image), noise)


def test_labels_beside_the_head(brain):
    image, labels = brain
    assert not lies_outside(image, labels)
    assert lies_outside(image, np.roll(labels, 12, axis=1))
    # A small structure in a dark place is anatomy.
    assert not lies_outside(image, np.roll(labels == 2, 18, axis=1))
