"""Calibration by reference models: scores by hand, of classifiers and segmenters."""

import math

import numpy as np
import pytest
import torch
from torch.nn import functional

from remnant.attacks.attack import Work
from remnant.attacks.membership.references import REFERENCES
from remnant.base.seeds import Seeds
from remnant.cohort.images import Images
from remnant.targets.audited import Audited
from remnant.targets.head import Head
from remnant.targets.seen import seen_outputs


class Shifted(torch.nn.Module):
    """Answers with the image itself, the second output raised by `by`."""

    def __init__(self, by):
        super().__init__()
        self.by = torch.nn.Parameter(torch.tensor(float(by)))

    def forward(self, batch):
        return torch.cat([batch[:, :1], batch[:, 1:] + self.by], dim=1)


def target(task, shifts):
    models = [Audited(Shifted(by), Head(task, "softmax", 2, probabilities=False)) for by in shifts]
    return Audited(models[0].module, models[0].head, references=tuple(models[1:]))


def run(task, images, labels, patients, shifts, tmp_path):
    candidates = Images(tuple(images), tuple(labels), tuple(patients))
    return REFERENCES.run(seen_outputs(target(task, shifts), candidates), None, None, Work(Seeds(0), tmp_path))


def test_of_a_classifier_the_margin_against_its_mean_under_the_references(tmp_path):
    images = [torch.tensor([0.0, 1.0])] * 3
    found = run("classification", images, [1, 0, 1], ["a", "b", "b"], [2, 0, -1], tmp_path)
    assert [claim.view for claim in found] == ["signed margin against its mean under the reference models"]
    # The second output is ahead by 3 under the target and by 1 and 0 under the references; b has one image of each class.
    assert found[0].patients == ("a", "b")
    assert found[0].scores == pytest.approx([3 - 0.5, 0])
    assert found[0].losses == pytest.approx(np.array([[-3, -1, 0], [0, 0, 0]]))


def test_of_a_segmenter_the_logarithm_of_the_loss_and_dice(tmp_path):
    draw = torch.Generator().manual_seed(0)
    images = [torch.randn(2, 4, 4, 4, generator=draw) for _ in range(3)]
    labels = [torch.randint(0, 2, (4, 4, 4), generator=draw) for _ in images]
    found = run("segmentation", images, labels, "abc", [0.5, 0, 1], tmp_path)
    assert [claim.view for claim in found] == [
        "cross-entropy against its mean under the reference models",
        "Dice against its mean under the reference models",
    ]
    for place, (image, label) in enumerate(zip(images, labels, strict=True)):
        logs = []
        for by in (0.5, 0, 1):
            logits = torch.stack([image[0], image[1] + by])
            losses = functional.cross_entropy(logits[None], label[None], reduction="none")[0]
            logs.append(math.log(float(losses[label == 1].mean())))
        assert found[0].losses[place] == pytest.approx(logs, abs=1e-5)
        assert found[0].scores[place] == pytest.approx((logs[1] + logs[2]) / 2 - logs[0], abs=1e-5)
    assert found[1].losses is None


def test_it_applies_with_references_and_labels_alone():
    images = Images((torch.zeros(2),), (1,), ("a",))
    alone = target("classification", [0])
    assert "no other models of the same recipe" in REFERENCES.applies(alone, images, None)
    both = target("classification", [0, 1])
    assert not REFERENCES.applies(both, images, None)
    assert "no labels" in REFERENCES.applies(both, Images(images.images, None, images.patients), None)
