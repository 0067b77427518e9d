"""The gradient of each patient's images: of networks behind a window, of those that learn by patches, and of folds' models."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from monai.inferers import SlidingWindowInferer
from tests.audit.example import Classifier, material
from torch import nn

from remnant.attacks.attack import Work
from remnant.attacks.membership.gradient import GRADIENT, INFLUENCE, NORM, WIDEST
from remnant.base.config import NoSettings
from remnant.base.seeds import Seeds
from remnant.cohort.images import Images
from remnant.measure.auc import mann_whitney_auc
from remnant.measure.influence import self_influence
from remnant.measure.roles import MEMBER
from remnant.targets.audited import Audited
from remnant.targets.fold_models import fold_models
from remnant.targets.head import OutputHead
from remnant.targets.objective import image_loss
from remnant.targets.seen import SeenWeights

HEAD = OutputHead("segmentation", "softmax", 2, False)
CLASSES = OutputHead("classification", "softmax", 2, False)


def network(seed=0):
    torch.manual_seed(seed)
    parts = nn.Sequential(nn.Conv3d(1, 4, 3, padding=1), nn.ReLU(), nn.Conv3d(4, 2, 1))
    return parts.eval().requires_grad_(False)


def windowed(module, side):
    inferer = SlidingWindowInferer((side,) * 3, sw_batch_size=2, overlap=0.5, mode="gaussian")
    return Audited(module, HEAD, lambda batch: inferer(batch, module))


def scans(count=4, side=8):
    draw = torch.Generator().manual_seed(1)
    images = tuple(torch.rand(1, side, side, side, generator=draw) for _ in range(count))
    labels = tuple(torch.randint(0, 2, (side,) * 3, generator=draw) for _ in range(count))
    return Images(images, labels, tuple(f"p{i}" for i in range(count)))


def claims(target, images, tmp_path):
    """Scores by view."""
    assert GRADIENT.applies(target, images, None) == ""
    found = GRADIENT.run(SeenWeights(images, target), None, NoSettings(), Work(Seeds(0), tmp_path))
    return {claim.view: claim.scores for claim in found}


def scores(target, images, tmp_path):
    return claims(target, images, tmp_path)[NORM]


def test_a_window_as_large_as_the_scan_changes_nothing(tmp_path):
    module, images = network(), scans()
    direct = scores(Audited(module, HEAD), images, tmp_path)
    assert scores(windowed(module, 8), images, tmp_path) == pytest.approx(direct, abs=1e-4)
    assert not any(weight.requires_grad for weight in module.parameters())


def test_of_several_windows_it_is_the_gradient_of_all_of_them(tmp_path):
    """By a step against it, which lowers the loss by the step times the norm."""
    module, images = network(), scans(1)
    target = windowed(module, 4)
    (score,) = scores(target, images, tmp_path)
    weight, step = module[-1].weight, 1e-2
    weight.requires_grad_(True)
    before = image_loss(target, images.images[0], images.labels[0])
    (gradient,) = torch.autograd.grad(before, weight)
    with torch.no_grad():
        norm = float(gradient.norm())
        weight -= step * gradient / norm
        after = image_loss(target, images.images[0], images.labels[0])
    assert np.exp(-score) == pytest.approx(norm) == pytest.approx(float(before.detach() - after) / step, rel=0.05)


def test_a_network_that_learns_by_patches_is_asked_by_one(tmp_path):
    """Its window keeps no gradient, as nnU-Net's does not."""
    module, images = network(), scans()

    def corner(network, image, label):
        return image_loss(Audited(network, HEAD), image[:, :4, :4, :4], label[:4, :4, :4])

    shut = replace(windowed(module, 4), forward=torch.no_grad()(lambda batch: module(batch)))
    corners = Images(
        tuple(image[:, :4, :4, :4] for image in images.images),
        tuple(label[:4, :4, :4] for label in images.labels),
        images.patients,
    )
    direct = scores(Audited(module, HEAD), corners, tmp_path)
    assert scores(replace(shut, training=corner), images, tmp_path) == pytest.approx(direct, abs=1e-4)
    assert GRADIENT.applies(shut, images, None).startswith("the loss has no gradient in the weights")


def test_of_folds_each_patient_is_put_to_his_model(tmp_path):
    images, models = scans(), [Audited(network(seed), HEAD) for seed in range(2)]
    asked = {patient: i % 2 for i, patient in enumerate(images.patients)}
    alone = [scores(model, images, tmp_path) for model in models]
    both = claims(fold_models(models, asked), images, tmp_path)
    assert both[NORM] == pytest.approx([alone[i % 2][i] for i in range(4)]) and not np.allclose(*alone)
    # An image bends the weights of its own network, and is held against the gradients of those that are put to it.
    of_first = claims(models[0], images.take([0, 2]), tmp_path)[INFLUENCE]
    assert both[INFLUENCE][[0, 2]] == pytest.approx(of_first)


def linear(inputs, outputs=2):
    torch.manual_seed(2)
    return Audited(nn.Sequential(nn.Flatten(), nn.Linear(inputs, outputs)).requires_grad_(False), CLASSES)


def pictures(side, count=20):
    draw = torch.Generator().manual_seed(3)
    images = tuple(torch.rand(1, side, side, generator=draw) - 0.5 for _ in range(count))
    return Images(images, tuple(i % 2 for i in range(count)), tuple(f"p{i // 2}" for i in range(count)))


def test_influence_is_of_the_gradient_by_hand(tmp_path):
    target, images = linear(9), pictures(3)
    rows = []
    for image, label in zip(images.images, images.labels, strict=True):
        p = torch.softmax(target.module(image[None])[0], 0)
        rows.append(torch.outer(p - nn.functional.one_hot(torch.tensor(label), 2), image.flatten()).flatten().numpy())
    of_image = -np.log(self_influence(np.stack(rows)))
    assert claims(target, images, tmp_path)[INFLUENCE] == pytest.approx(of_image.reshape(10, 2).mean(1), rel=1e-4)


def test_of_a_wide_layer_random_sums_tell_about_the_same(tmp_path):
    """A layer of so many weights, and the same one whose further inputs are 0."""
    target, images = linear(64 * 64), pictures(64)
    assert target.module[1].weight.numel() > WIDEST
    weight = target.module[1].weight.requires_grad_(True)
    rows = [
        torch.autograd.grad(image_loss(target, image, label), weight)[0].flatten()
        for image, label in zip(images.images, images.labels, strict=True)
    ]
    target.module.requires_grad_(False)
    of_image = -np.log(self_influence(torch.stack(rows).numpy()))
    found = claims(target, images, tmp_path)[INFLUENCE]
    assert found == pytest.approx(of_image.reshape(10, 2).mean(1), abs=0.1)
    assert np.array_equal(found, claims(target, images, tmp_path)[INFLUENCE])


def test_who_trained_a_network_that_leaks_bends_it_less(tmp_path):
    for leaks, low, high in ((True, 0.95, 1.0), (False, 0.25, 0.75)):
        own = material(Classifier, leaks=leaks)
        found = claims(own.target, own.candidates, tmp_path)[INFLUENCE]
        members = np.array([own.roles[patient] == MEMBER for patient in own.candidates.patients])
        assert low <= mann_whitney_auc(found[members], found[~members]).mean <= high
