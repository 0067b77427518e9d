"""Signals against probabilities computed the long way."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from remnant.attacks.membership.signals import (
    confidence,
    shifts,
    signed_margin,
    signed_margins,
)
from remnant.base.errors import RemnantError


def test_the_margin_is_the_log_odds_of_the_true_class():
    logits, labels = torch.randn(6, 4, generator=torch.Generator().manual_seed(0)), np.array([0, 1, 2, 3, 0, 2])
    p = functional.softmax(logits.double(), 1).numpy()[np.arange(6), labels]
    np.testing.assert_allclose(signed_margin(logits, labels), np.log(p / (1 - p)))
    best = functional.softmax(logits.double(), 1).numpy().max(1)
    np.testing.assert_allclose(confidence(logits), np.log(best / (1 - best)))


def test_margins_stand_at_their_images_in_whatever_order_these_are_answered():
    logits, labels = torch.randn(4, 3, generator=torch.Generator().manual_seed(0)), [2, 0, 1, 1]
    found = signed_margins(((place, logits[place]) for place in (3, 0, 2)), labels)
    np.testing.assert_allclose(found[[0, 2, 3]], signed_margin(logits, np.array(labels))[[0, 2, 3]])
    assert np.isnan(found[1])
    several = signed_margins(enumerate(logits), [np.array([1, 0, np.nan])] * 4)
    np.testing.assert_allclose(several, (logits[:, 0] - logits[:, 1]).double() / 2)


def test_the_margin_does_not_saturate():
    logits = torch.tensor([[200.0, -200.0], [-200.0, 200.0]])
    np.testing.assert_allclose(signed_margin(logits, np.array([0, 0])), [400, -400])


def test_one_logit_and_several_labels():
    np.testing.assert_allclose(signed_margin(torch.tensor([[3.0], [3.0]]), np.array([1, 0])), [3, -3])
    several = signed_margin(torch.tensor([[1.0, -2.0, 9.0]]), np.array([[1, 0, np.nan]]))
    np.testing.assert_allclose(several, [1.5])
    np.testing.assert_allclose(confidence(torch.tensor([[-3.0]])), [3])


@pytest.mark.parametrize(
    ("logits", "labels"),
    [
        (torch.zeros(2, 3), np.array([0, 3])),
        (torch.zeros(2, 1), np.array([0, 2])),
        (torch.zeros(2, 2), np.array([[np.nan, np.nan], [0, 1]])),
        (torch.zeros(2, 3), np.array([0])),
    ],
)
def test_labels_that_do_not_fit_are_refused(logits, labels):
    with pytest.raises(RemnantError, match="Labels"):
        signed_margin(logits, labels)


def test_shifts_begin_with_the_image_as_it_is_and_repeat_the_border():
    image = torch.arange(16.0).reshape(1, 1, 4, 4)
    seen = [change(image) for change in shifts(2)]
    assert len(seen) == 9 and torch.equal(seen[0], image)
    assert len({tuple(one.flatten().tolist()) for one in seen}) == 9
    right = [one for one in seen if torch.equal(one[..., 1:], image[..., :-1])]
    assert len(right) == 1 and torch.equal(right[0][..., 0], image[..., 0])
    scan, labels = torch.rand(2, 1, 4, 4, 4), torch.randint(0, 3, (2, 4, 4, 4))
    for change in shifts(3):
        assert change(scan).shape == scan.shape and change(labels).shape == labels.shape
    assert all(torch.equal(change(scan)[:, 0], change(scan[:, 0])) for change in shifts(3))
