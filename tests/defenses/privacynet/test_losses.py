import math

import numpy as np
import pytest
import torch
from torch import nn

from remnant.defenses.privacynet.losses import (
    HIDING,
    confusion_term,
    dice_loss,
    entropy_term,
    every_class_loss,
    gradient_penalty,
    inversion_error,
    inversion_term,
    published_term,
    same_patient_loss,
)
from remnant.nets.siamese import TRUNKS, Siamese


def test_dice_of_certain_maps_is_that_of_the_sets():
    labels = torch.zeros(1, 4, 4, 4, dtype=torch.uint8)
    labels[:, :2] = 1
    labels[:, 2] = 2
    drawn = labels.clone()
    drawn[:, 1] = 2
    logits = 100.0 * torch.nn.functional.one_hot(drawn.long(), 3).permute(0, 4, 1, 2, 3)
    # 48 voxels of tissue in both, of which 32 agree.
    assert dice_loss(logits, labels).item() == pytest.approx(1 - (2 * 32 + 1) / (48 + 48 + 1), abs=1e-6)
    right = 100.0 * torch.nn.functional.one_hot(labels.long(), 3).permute(0, 4, 1, 2, 3)
    assert dice_loss(right, labels).item() == pytest.approx(0, abs=1e-6)


def test_dice_is_the_papers_equation_on_probabilities():
    """1 - 2 sum(y p) / (sum y + sum p) over all voxels of all tissues together, with a voxel for empty patches."""
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 4, 5, 5, 5, generator=generator)
    labels = torch.randint(0, 4, (2, 5, 5, 5), generator=generator)
    numbers = np.exp(logits.double().numpy())
    p = (numbers / numbers.sum(1, keepdims=True))[:, 1:]
    y = np.stack([labels.numpy() == tissue for tissue in (1, 2, 3)], axis=1)
    assert dice_loss(logits, labels).item() == pytest.approx(
        1 - (2 * (y * p).sum() + 1) / (y.sum() + p.sum() + 1), abs=1e-6
    )


def test_every_class_counts_alike_whatever_its_size():
    labels = torch.zeros(1, 8, 8, 8, dtype=torch.uint8)
    labels[:, :4] = 1
    labels[:, 4, 0, :2] = 2  # of two voxels
    one_hot = torch.nn.functional.one_hot

    def cost(loss, drawn):
        return loss(100.0 * one_hot(drawn.long(), 4).movedim(-1, 1), labels).item()

    missed = torch.where(labels == 2, 0, labels)
    assert (
        cost(every_class_loss, labels) == pytest.approx(0, abs=1e-5) == pytest.approx(cost(dice_loss, labels), abs=1e-5)
    )
    assert cost(dice_loss, missed) < 0.01
    # Half of two classes less the smoothing of one voxel, and 100 nats for each of two voxels; class 3 is nowhere.
    weights = [(count + 1) ** -0.5 for count in (254, 256, 2)]
    whole = sum(count * weight for count, weight in zip((254, 256, 2), weights, strict=True))
    assert cost(every_class_loss, missed) == pytest.approx((1 - 1 / 3) / 2 + 100 * 2 * weights[2] / whole, abs=2e-3)


def test_a_batch_without_any_class_has_a_gradient():
    logits = torch.zeros(1, 3, 2, 2, 2, requires_grad=True)
    every_class_loss(logits, torch.zeros(1, 2, 2, 2, dtype=torch.uint8)).backward()
    assert torch.isfinite(logits.grad).all() and logits.grad.abs().sum() > 0


def test_a_patch_without_tissue_costs_what_is_drawn_into_it():
    nothing = torch.zeros(1, 2, 2, 2, dtype=torch.uint8)
    logits = torch.zeros(1, 3, 2, 2, 2)
    assert dice_loss(logits, nothing).item() > 0.8
    logits[:, 0] = 100
    assert dice_loss(logits, nothing).item() == pytest.approx(0, abs=1e-6)


def test_the_published_term_has_no_bound_and_the_entropy_has():
    same, wrong = torch.tensor([1.0, 0.0]), torch.tensor([-50.0, 50.0])
    assert same_patient_loss(torch.zeros(2), same).item() == pytest.approx(math.log(2))
    assert published_term(wrong, same).item() == pytest.approx(-50)
    assert published_term(torch.zeros(2), same) > published_term(wrong, same)
    # The confidently wrong adversary knows, and that counts as much as being confidently right.
    assert entropy_term(wrong).item() == pytest.approx(math.log(2)) == pytest.approx(entropy_term(-wrong).item())
    assert entropy_term(torch.zeros(2)).item() == pytest.approx(0, abs=1e-7)


def test_the_entropy_term_is_finite_with_its_gradient_at_any_certainty():
    logits = torch.tensor([-1e4, 1e4, 3.0], requires_grad=True)
    entropy_term(logits).backward()
    assert torch.isfinite(logits.grad).all() and logits.grad[2] > 0


def test_an_inversion_adversary_is_measured_against_each_scans_mean():
    scans = torch.rand(2, 1, 4, 4, 4, generator=torch.Generator().manual_seed(0))
    means = scans.mean((2, 3, 4), keepdim=True).expand_as(scans)
    assert inversion_error(means, scans).item() == pytest.approx(1, abs=1e-4)
    assert inversion_term(scans, scans).item() == pytest.approx(1)
    assert inversion_term(means, scans).item() == pytest.approx(0, abs=1e-4)
    assert inversion_term(1 - scans, scans).item() == 0


def test_the_confusion_term_is_a_divergence_whose_gradient_does_not_vanish():
    """KL(1/2 || p) with the gradient p - 1/2, where those of the other two are nearly gone once the adversary is sure."""
    logits = torch.tensor([-8.0, -1.0, 0.0, 2.0, 8.0], requires_grad=True)
    p = logits.detach().double().sigmoid()
    by_hand = (0.5 * (0.5 / p).log() + 0.5 * (0.5 / (1 - p)).log()).mean()
    confusion_term(logits).backward()
    assert confusion_term(logits).item() == pytest.approx(by_hand.item(), abs=1e-6)
    torch.testing.assert_close(logits.grad, ((p - 0.5) / 5).float(), atol=1e-6, rtol=1e-5)
    assert confusion_term(torch.zeros(3)).item() == pytest.approx(0, abs=1e-7)
    same, sure = torch.tensor([1.0]), torch.tensor([8.0], requires_grad=True)
    pulls = {name: torch.autograd.grad(term(sure, same), sure)[0].abs().item() for name, term in HIDING.items()}
    assert pulls["confusion"] > 0.49 and pulls["published"] < 1e-3 and pulls["entropy"] < 3e-3
    assert pulls["inversion"] == pulls["entropy"]


def test_the_confusion_term_is_finite_at_any_certainty():
    logits = torch.tensor([-1e4, 1e4], requires_grad=True)
    confusion_term(logits).backward()
    assert confusion_term(logits).item() == pytest.approx(5e3 - math.log(2)) and logits.grad.tolist() == [-0.25, 0.25]


def test_the_gradient_penalty_of_a_linear_adversary_is_the_square_of_its_weights():
    first, second = (torch.randn(8, generator=torch.Generator().manual_seed(i)).requires_grad_() for i in (0, 1))

    def compare(one, other):
        return one.flatten(1) @ first + other.flatten(1) @ second

    penalty = gradient_penalty(compare, torch.rand(6, 1, 2, 2, 2))
    assert penalty.item() == pytest.approx((first.square().sum() + second.square().sum()).item(), rel=1e-5)
    penalty.backward()
    torch.testing.assert_close(first.grad, 2 * first.detach())


@pytest.mark.parametrize("trunk", TRUNKS)
def test_the_gradient_penalty_can_be_differentiated_through_every_trunk(trunk):
    """Against finite differences along the gradient; under autocast too, whose own convolutions have no second gradient.

    With smooth activations: at a kink of ReLU the penalty jumps, which no gradient knows of.
    """
    torch.manual_seed(0)
    model = Siamese(trunk, "published")
    for parent in list(model.modules()):
        for name, child in parent.named_children():
            if isinstance(child, nn.ReLU):
                setattr(parent, name, nn.Softplus(beta=3))
    codes = torch.rand(4, 1, 17, 17, 17, generator=torch.Generator().manual_seed(1))
    with torch.autocast("cpu", torch.bfloat16):
        penalty = gradient_penalty(model, codes)
    weights = list(model.trunk.parameters())
    slopes = torch.autograd.grad(penalty, weights)
    size = sum(float(slope.square().sum()) for slope in slopes) ** 0.5
    assert penalty.item() > 0 and size > 0
    found = []
    for step in (0.01, -0.01):
        with torch.no_grad():
            for weight, slope in zip(weights, slopes, strict=True):
                weight += step * slope / size
        found.append(gradient_penalty(model, codes).item())
        with torch.no_grad():
            for weight, slope in zip(weights, slopes, strict=True):
                weight -= step * slope / size
    assert (found[0] - found[1]) / 0.02 == pytest.approx(size, rel=0.1)
