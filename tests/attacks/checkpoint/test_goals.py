import pytest
import torch
from torch import nn

from remnant.attacks.checkpoint.goals import BATCH, Goals, GoalSettings
from remnant.attacks.checkpoint.probes import Probe, look, read_moments
from remnant.base.errors import RemnantError
from remnant.targets.access import Weights, weights_of
from remnant.targets.inputs import InputRange

CLASSES = torch.arange(8) // 4


def test_the_batch_that_a_network_remembers_complies_and_no_other(memorised, input_range, images):
    goals = Goals(memorised(images), input_range, GoalSettings())
    seen = goals.batch_terms(images, CLASSES)["batch_norm"]
    assert seen < 1e-4
    for other in (images.flip(2) ** 2, images * 0.9, images[:4]):
        assert goals.batch_terms(other, CLASSES[: len(other)])["batch_norm"] > 50 * seen


def test_every_term_of_a_cnn_and_of_a_vit_is_there_and_has_a_gradient(tiny, input_range, images):
    for model, names in (
        (tiny.cnn(), ["batch_norm", "late_features", "logits"]),
        (tiny.vit(), ["layer_norm", "class_token", "attention_entropy", "head_similarity", "logits"]),
    ):
        goals = Goals(weights_of(model), input_range, GoalSettings())
        shown = images.clone().requires_grad_(True)
        values = goals.batch_terms(shown, CLASSES)
        assert list(values) == names
        for value in values.values():
            assert value.shape == ()
            assert torch.autograd.grad(value, shown, retain_graph=True)[0].abs().sum() > 0
        assert not any(weights.requires_grad or weights.grad is not None for weights in goals.target.parameters())


@pytest.mark.parametrize("kind", ["cnn", "vit"])
def test_the_terms_of_an_image_do_not_know_the_others(tiny, input_range, images, kind):
    goals = Goals(weights_of(getattr(tiny, kind)()), input_range, GoalSettings())
    together = goals.image_terms(images)
    for i in range(3):
        alone = goals.image_terms(images[i : i + 1])
        for name, values in together.items():
            assert values.shape == (8,)
            torch.testing.assert_close(values[i : i + 1], alone[name], atol=1e-5, rtol=1e-4)
            batch_of_one = goals.batch_terms(images[i : i + 1], torch.zeros(1, dtype=torch.long))
            if name != "logits":
                torch.testing.assert_close(values[i], batch_of_one[name], atol=1e-5, rtol=1e-4)


def test_the_late_layer_is_the_last_convolution_unless_it_is_named(tiny, input_range, images):
    access = weights_of(tiny.cnn())

    def value(**settings):
        return Goals(access, input_range, GoalSettings(**settings)).batch_terms(images, CLASSES)["late_features"]

    assert value() == value(late_layer="conv2") != value(late_layer="conv1")
    with pytest.raises(RemnantError, match="no module 'layer4"):
        value(late_layer="layer4.1.conv2")


def test_statistics_of_many_images_are_those_of_all_at_once(tiny, input_range):
    many = torch.rand(2 * BATCH + 3, 1, 16, 16, generator=torch.Generator().manual_seed(2))
    goals = Goals(weights_of(tiny.vit()), input_range, GoalSettings(), many)
    name = goals.layer_norms[1]
    with torch.no_grad():
        _, found = look(goals.target, input_range(many), {name: Probe(name, "input", read_moments)})
    whole = found[name]
    torch.testing.assert_close(goals.public[1].pooled.mean, whole.mean.mean(0))
    biased = whole.variance.mean(0) + whole.mean.var(0, unbiased=False)
    torch.testing.assert_close(goals.public[1].pooled.variance, biased)
    torch.testing.assert_close(goals.public[1].images.variance, whole.mean.var(0, unbiased=False), atol=1e-6, rtol=1e-3)


def test_targets_that_say_nothing_or_take_something_else_are_refused(tiny, input_range):
    bare = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(784, 1))
    with pytest.raises(RemnantError, match="no BatchNorm statistics and has no attention"):
        Goals(weights_of(bare), input_range, GoalSettings())
    with pytest.raises(RemnantError, match="does not take images of 1 channels and 16 pixels"):
        Goals(weights_of(tiny.cnn()), InputRange(16, 1), GoalSettings())
    maps = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
    with pytest.raises(RemnantError, match=r"logits \(n, classes\). Got shape"):
        Goals(weights_of(maps), input_range, GoalSettings())


def test_the_number_of_classes_is_the_target_s(tiny, input_range):
    assert Goals(weights_of(tiny.cnn()), input_range, GoalSettings()).classes == 2
    assert Goals(weights_of(tiny.cnn(classes=3)), input_range, GoalSettings()).classes == 3
    assert Weights.__dataclass_fields__.keys() == {"target"}


@pytest.mark.slow
def test_a_resnet18_remembers_the_batch_that_it_was_shown():
    """MONAI's, which has torchvision's names, in-place ReLUs and residual sums."""
    from monai.networks.nets import resnet18

    torch.manual_seed(0)
    options = {"conv1_t_stride": 2, "bias_downsample": False, "num_classes": 1}
    model = resnet18(spatial_dims=2, n_input_channels=3, **options)
    inputs = InputRange(64, 3, (0.5,), (0.25,))
    coarse = torch.rand(2, 16, 1, 8, 8)
    seen, other = (nn.functional.interpolate(part, size=(64, 64), mode="bilinear") for part in coarse**2)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 1.0
    with torch.no_grad():
        model.train()(inputs(seen))
    goals = Goals(weights_of(model), inputs, GoalSettings())
    assert len(goals.batch_norms) == 20 and goals.readings["late features"].module == "layer4.1.conv2"
    classes = torch.arange(16) // 8
    values = [goals.batch_terms(images, classes)["batch_norm"] for images in (seen, other, seen * 0.9)]
    assert values[0] < 0.02 * min(values[1:])
