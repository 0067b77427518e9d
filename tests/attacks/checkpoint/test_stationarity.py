import pytest
import torch
from torch import nn

from remnant.attacks.checkpoint.generate import draw_latents
from remnant.attacks.checkpoint.goals import Goals, GoalSettings
from remnant.attacks.checkpoint.stationarity import Stationarity, StationaritySettings, explain_weights, margins
from remnant.base.errors import RemnantError
from remnant.base.seeds import Seeds
from remnant.targets.access import weights_of

CLASSES = torch.tensor([0, 0, 1, 1])


def planted(tiny, input_range, images, strengths, classes=1):
    """A CNN whose head is what a converged training on `images` with weight decay leaves."""
    model = tiny.cnn(classes=classes).eval()
    seen = []
    handle = model.fc.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    with torch.no_grad():
        model(input_range(images))
        handle.remove()
        signs = 2.0 * CLASSES - 1
        model.fc.weight.copy_((strengths * signs) @ seen[0])
        model.fc.bias.copy_((strengths * signs).sum())
    return weights_of(model)


def test_margins_of_one_logit_and_of_many():
    assert margins(torch.tensor([[2.0], [3.0]]), torch.tensor([0, 1])).tolist() == [-2.0, 3.0]
    logits = torch.tensor([[1.0, 2.0, 3.0]])
    expected = 2.0 - torch.log(torch.exp(torch.tensor(1.0)) + torch.exp(torch.tensor(3.0)))
    torch.testing.assert_close(margins(logits, torch.tensor([1]))[0], expected)
    # Two logits with the first at 0 speak as one does.
    two = torch.tensor([[0.0, 2.0], [0.0, 2.0]])
    torch.testing.assert_close(margins(two, torch.tensor([0, 1])), margins(two[:, 1:], torch.tensor([0, 1])))


def test_the_training_images_explain_the_weights_and_no_others_do(tiny, input_range, images):
    strengths = torch.tensor([0.5, 1.0, 1.5, 0.7])
    access = planted(tiny, input_range, images[:4], strengths)
    stationarity = Stationarity(Goals(access, input_range, GoalSettings()), 1)
    assert stationarity.weights.keys() == {"fc.weight", "fc.bias"}
    assert stationarity.residual(images[:4], CLASSES, strengths) < 1e-8
    assert stationarity.residual(images[4:], CLASSES, strengths) > 1e-3
    assert stationarity.residual(images[:4], CLASSES, strengths.flip(0)) > 1e-3


@pytest.mark.parametrize(("kind", "layers"), [("cnn", 2), ("vit", 4)])
def test_the_sum_of_gradients_is_that_of_one_image_after_the_other(tiny, input_range, images, kind, layers):
    access = weights_of(getattr(tiny, kind)())
    stationarity = Stationarity(Goals(access, input_range, GoalSettings()), layers)
    strengths, shown = torch.tensor([0.5, 1.0, 1.5, 0.7]), images[:4].clone().requires_grad_(True)
    found = stationarity.gradients(shown, CLASSES, strengths)
    model = getattr(tiny, kind)().eval()
    for i in range(4):
        ((2 * CLASSES[i] - 1) * strengths[i] * model(input_range(images[i : i + 1]))).sum().backward()
    for name, total in zip(stationarity.weights, found, strict=True):
        torch.testing.assert_close(total, model.get_parameter(name).grad, atol=1e-5, rtol=1e-4)
    residual = stationarity.residual(shown, CLASSES, strengths)
    assert torch.autograd.grad(residual, shown)[0].abs().sum() > 0


def test_too_many_layers_are_refused(tiny, input_range):
    with pytest.raises(RemnantError, match=r"has 3 linear and convolutional layers. Got layers 4"):
        Stationarity(Goals(weights_of(tiny.cnn()), input_range, GoalSettings()), 4)


class Gallery(nn.Module):
    """A generator of fixed patterns, each by its own number of the latent."""

    latent = 8

    def __init__(self, patterns):
        super().__init__()
        self.patterns = nn.Parameter(patterns)

    def forward(self, latents):
        return torch.tensordot((4 * latents).softmax(1), self.patterns, 1)


def test_the_search_finds_images_that_explain_the_weights(tiny, input_range, images):
    access = planted(tiny, input_range, images[:4], torch.ones(4))
    goals, said = Goals(access, input_range, GoalSettings()), []
    settings = StationaritySettings(images=8, steps=80, learning_rate=0.1, prior=0.0)
    found = explain_weights(Gallery(images), goals, settings, Seeds(0), lambda *step: said.append(step))
    residuals = [terms["residual"] for _, _, terms in said]
    assert residuals[-1] < 0.02 * residuals[0]
    assert found.images.shape == (8, 1, 16, 16) and (found.scores <= 0).all()
    # What it found is what it said, with strengths from the scores.
    classes = torch.arange(8) // 4
    again = Stationarity(goals, 1).residual(found.images, classes, -found.scores)
    assert again == pytest.approx(residuals[-1], rel=0.2, abs=1e-5)
    assert len(draw_latents(Gallery(images), 8, Seeds(0).torch())) == 8
