"""When another way to give images to a target keeps its silence from being believed."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from remnant.attacks.checkpoint.feeding_rivals import doubt_of
from remnant.attacks.checkpoint.input_check import InputFit
from remnant.cohort.classes import Answers
from remnant.targets.inputs import InputRange

LABELS = np.arange(20) % 2
LARGE = 96


class Answering(torch.nn.Module):
    """Right about all images but the first `wrong`, of which there are as many as `at` says for their size."""

    def __init__(self, at):
        super().__init__()
        self.at, self.scale = at, torch.nn.Parameter(torch.ones(1))

    def forward(self, images):
        wrong = torch.arange(len(images)) < self.at[images.shape[-1]]
        said = torch.from_numpy(LABELS).bool() ^ wrong
        return torch.stack([~said, said], 1).float() * self.scale


def doubt(wrong_best, wrong_other, *, other, labels=LABELS, order=()):
    target = SimpleNamespace(target=Answering({64: wrong_best, LARGE: wrong_other}).eval())
    fits = [
        InputFit(InputRange(side, 1), "greys in [0, 1]", "as in the file", far, 0.01)
        for side, far in ((64, 0.1), (LARGE, other))
    ]
    views = {"as in the file": torch.rand(20, 1, 64, 64)}
    return doubt_of(target, fits, views, Answers(labels, "", order), "--size")


@pytest.mark.parametrize(
    ("wrong", "other", "doubted"),
    [((0, 3), 0.12, True), ((0, 2), 0.12, False), ((0, 20), 0.13, False), ((3, 0), 0.12, True)],
)
def test_what_fits_as_well_and_answers_otherwise_is_a_rival(wrong, other, doubted):
    for labels in (LABELS, None):
        found = doubt(*wrong, other=other, labels=labels)
        assert bool(found) is doubted
        assert not found or ("96 pixels" in found and "give --size" in found and "3 of 20" in found)


@pytest.mark.parametrize(
    ("wrong", "other", "doubted"),
    [((9, 3), 0.5, True), ((9, 4), 0.5, False), ((3, 9), 0.5, False), ((9, 3), 0.61, False)],
)
def test_what_fits_and_is_clearly_more_often_right_is_a_rival(wrong, other, doubted):
    assert bool(doubt(*wrong, other=other)) is doubted


def test_without_answers_or_by_the_other_order_nothing_is_more_often_right():
    assert doubt(9, 3, other=0.5, labels=None) is None
    assert doubt(20, 0, other=0.5) and doubt(20, 0, other=0.5, order=("a", "b")) is None
