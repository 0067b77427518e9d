"""The table of prepared images, of one shape or of several."""

import numpy as np
import pytest
import torch

from remnant.base.errors import RemnantError
from remnant.cohort.images import Images

AGES = np.array([40.0, 50.0, np.nan, 60.0])


def images(of):
    """Four images of three patients, as `of` holds a batch."""
    batch, labels = torch.arange(16.0).reshape(4, 1, 2, 2), torch.tensor([0, 1, 0, 1])
    return Images(of(batch), of(labels), ("a", "b", "a", "c"), {"age": AGES})


@pytest.mark.parametrize("of", [tuple, lambda batch: batch])
def test_images_of_one_shape_may_be_one_tensor(of):
    part = images(of).of(("a", "c"))
    assert type(part.images) is type(part.labels) is type(of(torch.zeros(1)))
    assert [float(image.min()) for image in part.images] == [0, 8, 12]
    assert [int(label) for label in part.labels] == [0, 0, 1] and part.patients == ("a", "a", "c")
    assert np.array_equal(part.details["age"], AGES[[0, 2, 3]], equal_nan=True)
    assert images(of).batches(3) == [[0, 1, 2], [3]] and images(of).spatial == 2


@pytest.mark.parametrize("lacking", ["labels", "patients", "age"])
def test_every_image_has_one_of_each(lacking):
    given = {"labels": (0, 1), "patients": ("a", "b"), "age": np.zeros(2)}
    given[lacking] = given[lacking][:1]
    with pytest.raises(RemnantError, match="one patient, label and detail"):
        Images(torch.zeros(2, 1, 4, 4), given["labels"], given["patients"], {"age": given["age"]})
