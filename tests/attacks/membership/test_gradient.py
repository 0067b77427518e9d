"""The gradient of each patient's images: of networks behind a window, of those that learn by patches, and of folds' models."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from monai.inferers import SlidingWindowInferer
from torch import nn

from remnant.attacks.attack import Work
from remnant.attacks.membership.gradient import GRADIENT
from remnant.base.config import NoSettings
from remnant.base.seeds import Seeds
from remnant.cohort.images import Images
from remnant.targets.audited import Audited
from remnant.targets.fold_models import fold_models
from remnant.targets.head import OutputHead
from remnant.targets.objective import image_loss
from remnant.targets.seen import SeenWeights

HEAD = OutputHead("segmentation", "softmax", 2, False)


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


def scores(target, images, tmp_path):
    assert GRADIENT.applies(target, images, None) == ""
    (claim,) = GRADIENT.run(SeenWeights(images, target), None, NoSettings(), Work(Seeds(0), tmp_path))
    return claim.scores


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
    found = scores(fold_models(models, asked), images, tmp_path)
    assert found == pytest.approx([alone[i % 2][i] for i in range(4)]) and not np.allclose(*alone)
