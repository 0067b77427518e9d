"""Boxes around heads."""

import numpy as np
import pytest

from remnant.base.errors import RemnantError
from remnant.measure.images import union_box


def test_union_box_holds_every_head():
    masks = np.zeros((2, 20, 30, 40), dtype=bool)
    masks[0, 5, 6, 7] = True
    masks[1, 9, 3, 38] = True
    assert union_box(masks) == (slice(5, 10), slice(3, 7), slice(7, 39))
    assert union_box(masks, margin=5) == (slice(0, 15), slice(0, 12), slice(2, 40))
    assert union_box(masks.astype(np.float32) * 0.2) == union_box(masks)


def test_union_box_of_flat_images():
    image = np.zeros((1, 8, 9), dtype=np.float32)
    image[0, 2:4, 5] = 1
    assert union_box(image, margin=1) == (slice(1, 5), slice(4, 7))


def test_no_head_no_box():
    with pytest.raises(RemnantError, match="no box"):
        union_box(np.zeros((2, 5, 5)))
