"""The fit of a segmenter: two classes exchanged, and answers that are worse than the same answer everywhere."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional

from remnant.audit.cells.fit_classes import class_losses, constant_loss, exchanged_classes
from remnant.audit.cells.fits import Fit, fit_of
from remnant.base.seeds import Seeds
from remnant.cohort.images import Images
from remnant.targets.audited import Audited
from remnant.targets.head import OutputHead

SHARES = (0.6, 0.2, 0.15, 0.05)  # of four classes


def labels(count=12, size=16):
    """Label maps that differ from image to image."""
    draw = np.random.default_rng(0)
    return [torch.from_numpy(draw.choice(4, (size, size), p=SHARES)) for _ in range(count)]


def fit(answer, kind="softmax"):
    """The fit of who answers `answer(label)`, logits (4, x, y)."""
    maps = labels()
    own = maps if kind == "softmax" else [one_hot(label) for label in maps]
    images = Images(tuple(torch.zeros(1, 16, 16) for _ in maps), tuple(own), tuple(map(str, range(len(maps)))))
    target = Audited(torch.nn.Identity(), OutputHead("segmentation", kind, 4, False))
    target.answers = lambda taken: ((i, answer(maps[int(name)])) for i, name in enumerate(taken.patients))
    return fit_of(target, images, Seeds(0))


def one_hot(label):
    return functional.one_hot(label, 4).movedim(-1, 0).float()


def sure(label, order=(0, 1, 2, 3), logit=4.0):
    """Who knows every voxel, its classes in this order."""
    return logit * one_hot(torch.tensor(order)[label]) - logit / 2


@pytest.mark.parametrize("kind", ["softmax", "sigmoid"])
def test_two_classes_that_are_exchanged_are_named(kind):
    sound = fit(sure, kind)
    assert sound.passed and sound.swapped is None and sound.constant is None
    found = fit(lambda label: sure(label, (0, 2, 1, 3)), kind)
    assert found.p <= 0.05 and found.passed is False and found.control().passed is False
    assert found.swapped[:2] == (1, 2) and found.swapped[2] == pytest.approx(sound.own, abs=1e-5)
    assert found.sentence.startswith("With classes 1 and 2 exchanged the model answers better")


def test_answers_worse_than_the_same_answer_everywhere_do_not_pass():
    """A cycle of three classes, which no exchange of two mends, by who is right about the background."""
    found = fit(lambda label: sure(label, (0, 2, 3, 1), 6.0) + 0.5 * one_hot(label))
    assert found.p <= 0.05 and found.own > found.constant == pytest.approx(1.06, abs=0.05)
    assert found.passed is False and "worse than shares of classes" in found.sentence


def crops(count, draw):
    """Label maps of sides that are hardly ever the same, a disc of class 1 in each, somewhere about the middle."""
    for _ in range(count):
        sides = draw.integers(20, 32, 2)
        middle, radius = sides / 2 + draw.uniform(-4, 4, 2), draw.uniform(4, 8)
        away = [np.arange(side) - at for side, at in zip(sides, middle, strict=True)]
        yield torch.from_numpy((np.hypot(away[0][:, None], away[1]) < radius).astype(np.int64))


def fit_of_crops(maps, answer, kind="softmax"):
    own = maps if kind == "softmax" else [torch.stack([label == 0, label == 1]).float() for label in maps]
    images = Images(
        tuple(torch.zeros(1, *label.shape) for label in maps), tuple(own), tuple(map(str, range(len(maps))))
    )
    target = Audited(torch.nn.Identity(), OutputHead("segmentation", kind, 2, False))
    target.answers = lambda taken: ((i, answer(maps[int(name)])) for i, name in enumerate(taken.patients))
    return fit_of(target, images, Seeds(0))


@pytest.mark.parametrize("kind", ["softmax", "sigmoid"])
def test_crops_of_unequal_size_are_compared(kind):
    maps = list(crops(14, np.random.default_rng(1)))
    assert len({label.shape for label in maps}) > 10
    found = fit_of_crops(maps, lambda label: 4.0 * torch.stack([label == 0, label == 1]) - 2.0, kind)
    assert found.patients == 14 and found.p <= 0.01 and found.passed and found.own < 0.2 < found.exchanged


@pytest.mark.parametrize("relative", [False, True])
def test_who_knows_the_size_of_a_crop_and_nothing_in_it_does_not_pass(relative):
    """An atlas about the middle, of so many voxels or so much of the sides."""

    def answer(label):
        away = [(np.arange(side) - side / 2) / (side / 26 if relative else 1) for side in label.shape]
        logit = torch.from_numpy(4.0 - np.hypot(away[0][:, None], away[1]) / 2).float()
        return torch.stack([-logit, logit])

    seen = [fit_of_crops(list(crops(14, np.random.default_rng(seed))), answer).p for seed in range(30)]
    assert np.mean(np.array(seen) <= 0.05) <= 0.15


def test_worse_than_chance_is_said_of_what_is_surely_so_and_its_cause_as_possible():
    lucky = Fit(20, 0.7, own=1.1, exchanged=0.9, p=0.97, worse=0.03)
    assert "no better than chance" in lucky.sentence and "another order" not in lucky.sentence
    assert "are perhaps in another order" in replace(lucky, worse=0.01).sentence
    assert not lucky.passed


@pytest.mark.parametrize("weighed", [False, True])
def test_a_training_that_weighs_rare_classes_or_does_not_is_sound(weighed):
    """Of noisy evidence, the posterior by shares, and by classes of one weight, which on the whole is worse than shares alone."""
    noise, prior = torch.Generator().manual_seed(0), torch.tensor(SHARES).log()[:, None, None]

    def answer(label):
        seen = one_hot(label) + torch.randn(4, 16, 16, generator=noise) * 1.6
        return seen / 1.6**2 + (0 if weighed else prior)

    found = fit(answer)
    assert found.passed and (found.own > constant_loss(np.array(SHARES), "softmax")) == weighed


def test_losses_of_classes_add_up_to_the_mean_cross_entropy_and_a_constant_to_that_of_the_shares():
    label = labels(1)[0]
    logits, shares = torch.randn(4, 16, 16, generator=torch.Generator().manual_seed(1)), None
    losses, shares = class_losses(logits, label, "softmax")
    assert np.trace(losses) == pytest.approx(float(functional.cross_entropy(logits[None], label[None])))
    other = torch.tensor([0, 2, 1, 3])[label]
    exchanged = np.trace(losses) - losses[1, 1] - losses[2, 2] + losses[1, 2] + losses[2, 1]
    assert exchanged == pytest.approx(float(functional.cross_entropy(logits[None], other[None])))
    same = torch.from_numpy(np.log(shares))[:, None, None].expand(4, 16, 16)
    assert constant_loss(shares, "softmax") == pytest.approx(float(functional.cross_entropy(same[None], label[None])))
    assert exchanged_classes(np.eye(3)) is not None and exchanged_classes(1 - np.eye(3)) is None
