"""Calibration by reference models: scores by hand, of classifiers and segmenters."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.special import expit
from torch.nn import functional

from remnant.attacks.attack import Work
from remnant.attacks.membership.references import REFERENCES
from remnant.base.seeds import Seeds
from remnant.cohort.images import Images
from remnant.measure.bavaria import bavaria_offline
from remnant.targets.audited import Audited
from remnant.targets.head import OutputHead
from remnant.targets.seen import seen_outputs


class Shifted(torch.nn.Module):
    """Answers with the image itself, the second output raised by `by`."""

    def __init__(self, by):
        super().__init__()
        self.by = torch.nn.Parameter(torch.tensor(float(by)))

    def forward(self, batch):
        return torch.cat([batch[:, :1], batch[:, 1:] + self.by], dim=1)


def target(task, shifts):
    models = [Audited(Shifted(by), OutputHead(task, "softmax", 2, probabilities=False)) for by in shifts]
    return Audited(models[0].module, models[0].head, references=tuple(models[1:]))


def run(task, images, labels, patients, shifts, tmp_path):
    candidates = Images(tuple(images), tuple(labels), tuple(patients))
    return REFERENCES.run(seen_outputs(target(task, shifts), candidates), None, None, Work(Seeds(0), tmp_path))


def test_of_a_classifier_the_margin_against_its_mean_under_the_references(tmp_path):
    images = [torch.tensor([0.0, 1.0])] * 3
    found = run("classification", images, [1, 0, 1], ["a", "b", "b"], [2, 0, -1], tmp_path)
    assert found[0].view == "signed margin against its mean under the reference models"
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
        "cross-entropy near borders against its mean under the reference models",
        "cross-entropy by its likelihood, BaVarIA offline",
        "cross-entropy by its ratio, RMIA offline",
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
    # Every voxel of such noise is near a border.
    for place, (image, label) in enumerate(zip(images, labels, strict=True)):
        logs = [
            math.log(float(functional.cross_entropy(torch.stack([image[0], image[1] + by])[None], label[None])))
            for by in (0.5, 0, 1)
        ]
        assert found[2].scores[place] == pytest.approx((logs[1] + logs[2]) / 2 - logs[0], abs=1e-5)
    # The geometric mean over voxels of what the model gives to the truth.
    p = [np.exp(-np.exp(found[0].losses[i])) for i in range(3)]
    assert found[4].scores == pytest.approx([np.log(one[0] / (0.65 * one[1:].mean() + 0.35)) for one in p])


def test_it_applies_with_references_and_labels_alone():
    images = Images((torch.zeros(2),), (1,), ("a",))
    alone = target("classification", [0])
    assert "no other models of the same recipe" in REFERENCES.applies(alone, images, None)
    both = target("classification", [0, 1])
    assert not REFERENCES.applies(both, images, None)
    assert "no labels" in REFERENCES.applies(both, Images(images.images, None, images.patients), None)


def test_by_two_references_or_more_a_likelihood_and_a_ratio_of_models_on_one_side(tmp_path):
    draw = torch.Generator().manual_seed(0)
    images, labels, patients = list(torch.randn(5, 2, generator=draw)), [1, 0, 1, 1, 0], ["a", "b", "b", "c", "d"]
    found = run("classification", images, labels, patients, [2, 0, -1, 0.5], tmp_path)
    assert [claim.view for claim in found[1:]] == [
        "signed margin by its likelihood, BaVarIA offline",
        "signed margin by its ratio, RMIA offline",
    ]
    assert all(claim.losses is None and claim.patients == ("a", "b", "c", "d") for claim in found[1:])
    ahead = np.array(
        [float(image[1] - image[0]) * (1 if label else -1) for image, label in zip(images, labels, strict=True)]
    )
    signs = np.array([1 if label else -1 for label in labels])
    margins = ahead[:, None] + signs[:, None] * np.array([2, 0, -1, 0.5])
    nobody = np.zeros((5, 3), dtype=bool)
    likelihood = bavaria_offline(margins[:, 0], margins[:, 1:], nobody)
    out = expit(margins[:, 1:]).mean(1)
    ratio = np.log(expit(margins[:, 0]) / (0.65 * out + 0.35))
    for claim, scores in zip(found[1:], (likelihood, ratio), strict=True):
        expected = [scores[0], scores[1:3].mean(), scores[3], scores[4]]
        assert claim.scores == pytest.approx(expected, abs=1e-6)


def test_of_models_that_trained_on_a_patient_one_is_passed_over(tmp_path):
    draw = torch.Generator().manual_seed(0)
    candidates = Images(tuple(torch.randn(4, 2, generator=draw)), (1, 0, 1, 1), tuple("abcd"))
    whole = replace(target("classification", [2, 0, -1, 0.5]), passed_over={"a": 1, "b": 2, "c": 3, "d": 1})
    claims = REFERENCES.run(seen_outputs(whole, candidates), None, None, Work(Seeds(0), tmp_path))
    losses = -claims[0].losses
    left_out = np.array([1, 2, 3, 1])[:, None] == np.arange(1, 4)
    counted = np.where(left_out, np.nan, losses[:, 1:])
    assert claims[0].scores == pytest.approx(losses[:, 0] - np.nanmean(counted, axis=1))
    assert claims[1].scores == pytest.approx(bavaria_offline(losses[:, 0], counted, left_out))
    # All that count trained on him, so that their mean is what the image is given at large.
    assert claims[2].scores == pytest.approx(np.log(expit(losses[:, 0]) / np.nanmean(expit(counted), axis=1)))


def test_of_one_reference_that_counts_there_is_no_spread(tmp_path):
    candidates = Images((torch.zeros(2),), (1,), ("a",))
    whole = replace(target("classification", [0, 1, 2]), passed_over={"a": 2})
    assert len(REFERENCES.run(seen_outputs(whole, candidates), None, None, Work(Seeds(0), tmp_path))) == 1
