"""Signals of a segmentation against voxel by voxel computations and the measures' Dice."""

import itertools

import numpy as np
import pytest
import torch
from torch.nn import functional

from remnant.attacks.membership.segmentation import (
    BORDER_VOXELS,
    classes_alone,
    near_borders,
    part_fits,
    segmentation_certainty,
    segmentation_signals,
)
from remnant.measure.overlap import dice, mean_dice
from remnant.targets.head import OutputHead

HEAD = OutputHead("segmentation", "softmax", 4, False)
INDEPENDENT = OutputHead("segmentation", "sigmoid", 2, False)


def drawn(seed=1, outputs=4, size=(5, 5, 5)):
    draw = torch.Generator().manual_seed(seed)
    return torch.randn(outputs, *size, generator=draw), torch.randint(0, 3, size, generator=draw)


def test_dice_is_that_of_the_measures_and_cross_entropy_weighs_classes_alike():
    logits, labels = (torch.stack(part) for part in zip(*(drawn(seed) for seed in range(3)), strict=True))
    overlaps = mean_dice(dice(logits.argmax(1).numpy(), labels.numpy(), 4))
    log_p = functional.log_softmax(logits.double(), 1).numpy()
    for i, overlap in enumerate(overlaps):
        by_class = [log_p[i, c][labels[i].numpy() == c].mean() for c in (1, 2)]  # 3 is held by no label map
        expected = pytest.approx((overlap, np.mean(by_class)), rel=1e-5)
        assert segmentation_signals(HEAD, logits[i], labels[i]) == expected
    nothing = torch.zeros(4, 4, 4, 4)
    nothing[0] = 9
    found = segmentation_signals(HEAD, nothing, torch.zeros(4, 4, 4, dtype=torch.int64))
    assert found == (1, pytest.approx(-3 * np.exp(-9), rel=1e-2))


@pytest.mark.parametrize("size", [(13, 17), (9, 11, 10)])
def test_near_a_border_is_where_another_class_lies_within_three_voxels(size):
    truth = torch.zeros(size, dtype=torch.int64)
    truth[(1,) * len(size)], truth[(-2,) * len(size)] = 2, 1
    expected = torch.zeros(size, dtype=torch.bool)
    for place in itertools.product(*map(range, size)):
        around = truth[tuple(slice(max(0, x - BORDER_VOXELS), x + BORDER_VOXELS + 1) for x in place)]
        expected[place] = len(around.unique()) > 1
    assert 0 < expected.sum() < expected.numel()
    assert torch.equal(near_borders(truth), expected)
    assert torch.equal(near_borders(truth > 0), near_borders((truth > 0).float()))
    assert not near_borders(torch.full(size, 2)).any()


def test_parts_of_exclusive_classes_by_hand():
    logits, _ = drawn(size=(20, 20))
    truth = torch.zeros(20, 20, dtype=torch.int64)
    truth[2:5, 2:5], truth[2:5, 5:8] = 1, 2
    losses = -torch.log_softmax(logits.double(), 0).gather(0, truth[None])[0]
    found, answer = part_fits(HEAD, logits, truth), logits.argmax(0)
    assert found.border == pytest.approx(-float(losses[near_borders(truth)].mean()))
    assert found.border != pytest.approx(-float(losses.mean()), abs=1e-3)
    for c in (1, 2):
        both = int((answer == c).sum() + (truth == c).sum())
        assert found.dices[c - 1] == pytest.approx(2 * int(((answer == c) & (truth == c)).sum()) / both)
        assert found.fits[c - 1] == pytest.approx(-float(losses[truth == c].mean()))
    # A class that the scan lacks: the model draws it, and its cross-entropy is that of the whole scan.
    assert found.dices[2] == 0 and found.fits[2] == pytest.approx(-float(losses.mean()))


def test_parts_of_independent_outputs_by_hand():
    logits, _ = drawn(outputs=2, size=(20, 20))
    truth = torch.zeros(2, 20, 20)
    truth[0, 3:6, 3:6], truth[1, 10:13, 10:13] = 1, 1
    losses = functional.binary_cross_entropy_with_logits(logits.double(), truth.double(), reduction="none")
    found = part_fits(INDEPENDENT, logits, truth)
    each = [float(losses[c][near_borders(truth[c])].mean()) for c in (0, 1)]
    assert found.border == pytest.approx(-np.mean(each)) and each[0] != pytest.approx(each[1], abs=1e-3)
    assert found.fits == pytest.approx([-float(losses[c][truth[c] > 0].mean()) for c in (0, 1)])
    truth[1] = 0
    assert part_fits(INDEPENDENT, logits, truth).border == pytest.approx(-each[0])


def test_of_a_scan_without_a_border_all_of_it_is_taken():
    logits, _ = drawn()
    nothing = torch.zeros(5, 5, 5, dtype=torch.int64)
    everywhere = -float(functional.cross_entropy(logits[None], nothing[None]))
    assert part_fits(HEAD, logits, nothing).border == pytest.approx(everywhere)
    both = torch.zeros(2, 5, 5, 5)
    everywhere = -float(functional.binary_cross_entropy_with_logits(logits[:2], both))
    assert part_fits(INDEPENDENT, logits[:2], both).border == pytest.approx(everywhere)


@pytest.mark.parametrize(
    ("kind", "outputs", "alone"),
    [
        ("softmax", 2, ()),
        ("softmax", 3, (1, 2)),
        ("softmax", 4, (1, 2, 3)),
        ("softmax", 5, ()),
        ("sigmoid", 1, ()),
        ("sigmoid", 2, (0, 1)),
        ("sigmoid", 4, ()),
    ],
)
def test_two_or_three_classes_are_looked_at_alone(kind, outputs, alone):
    head = OutputHead("segmentation", kind, outputs, False)
    assert classes_alone(head) == alone
    truth = torch.zeros(4, 4) if kind == "softmax" else torch.zeros(outputs, 4, 4)
    found = part_fits(head, torch.zeros(outputs, 4, 4), truth)
    assert len(found.dices) == len(found.fits) == len(alone)


def test_certainty_is_the_entropy_over_what_is_drawn():
    logits, _ = drawn()
    p = torch.softmax(logits.double(), 0)
    entropy = -(p * p.log()).sum(0)
    assert segmentation_certainty(HEAD, logits) == pytest.approx(-float(entropy[p.argmax(0) > 0].mean()), rel=1e-5)
    p = torch.sigmoid(logits[:2].double())
    entropy = -(p * p.log() + (1 - p) * (1 - p).log())
    expected = -float(entropy[p > 0.5].mean())
    assert segmentation_certainty(INDEPENDENT, logits[:2]) == pytest.approx(expected, rel=1e-5)
    background = torch.zeros(4, 5, 5)
    background[0] = 2
    p = torch.softmax(background.double(), 0)[:, 0, 0]
    assert segmentation_certainty(HEAD, background) == pytest.approx(float((p * p.log()).sum()), rel=1e-5)
