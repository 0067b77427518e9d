"""Size and range of a target's images, read off its BatchNorm statistics, and networks that are not what their names say."""

import numpy as np
import pytest
import torch
from monai.networks import nets
from torch.nn import functional

from remnant.attacks.checkpoint.goals import Goals, GoalSettings
from remnant.attacks.checkpoint.input_check import IMAGENET, RANGES, distances, infer_input, measure_fit
from remnant.cohort.phantoms import ChestPhantoms
from remnant.nets.classifiers import build_classifier
from remnant.targets.access import weights_of
from remnant.targets.inputs import InputRange


@pytest.fixture(scope="module")
def chests():
    """Two views of the same phantom radiographs, (24, 1, 128, 128): darker, as files may have them, and stretched."""
    phantoms = ChestPhantoms(patients=24, side=128, seed=1)
    images = torch.from_numpy(np.stack([phantoms.scan(i).image for i in range(24)]))[:, None].float()
    return {"as in the file": 0.6 * images + 0.1, "stretched": images}


def trained(model, images, input_range):
    """`model` after a short training, and so many looks that its statistics have forgotten where the weights began."""
    torch.manual_seed(0)
    model.train()
    optimiser = torch.optim.Adam(model.parameters(), 1e-3)
    inputs, labels = input_range(images), torch.arange(len(images)) % 2
    for _ in range(20):
        loss = functional.cross_entropy(model(inputs), labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    with torch.no_grad():
        for _ in range(40):
            model(inputs)
    return weights_of(model.eval())


@pytest.fixture(scope="module")
def build():
    def one(channels):
        torch.manual_seed(0)
        return build_classifier("resnet18", channels=channels, classes=2, width=8)

    return one


@pytest.mark.parametrize(
    ("size", "channels", "range_", "view"),
    [
        pytest.param(64, 3, IMAGENET[3], "as in the file", marks=pytest.mark.slow),
        pytest.param(96, 1, RANGES["greys in [0, 1]"], "stretched", marks=pytest.mark.slow),
        (64, 1, RANGES["greys in [-1024, 1024], as TorchXRayVision"], "as in the file"),
    ],
)
def test_what_a_network_was_trained_on_is_found(chests, build, size, channels, range_, view, float32):
    target = trained(build(channels), chests[view], InputRange(size, channels, *range_))
    found = infer_input(target, channels, chests)[0]
    assert (found.input_range, found.view) == (InputRange(size, channels, *range_), view)
    assert found.fits and not found.other_network and found.distance < 0.2
    # What was given is not replaced by what would fit better.
    wrong = infer_input(target, channels, chests, size=size, given=((0.2,), (3.0,)))[0]
    assert wrong.input_range.std == (3.0,) and not wrong.fits
    assert infer_input(target, channels, chests, size=48, given=range_)[0].input_range.size == 48


def noisy(side):
    """Smooth noise under fine noise, (24, 1, side, side): of its greys a wrong size loses much."""
    generator = torch.Generator().manual_seed(0)
    coarse = functional.interpolate(torch.randn(24, 1, 8, 8, generator=generator), size=(side, side), mode="bicubic")
    return (0.5 + 0.16 * (coarse + 0.3 * torch.randn(coarse.shape, generator=generator))).clamp(0, 1)


@pytest.mark.parametrize("range_", [RANGES["greys in [0, 255]"], ((0.5,), (0.02,))], ids=["named", "free"])
def test_size_and_range_are_found_together(build, range_, float32):
    """One after the other, a wrong range made 96 of 64 pixels, and what the network knew of its members was not seen."""
    images = noisy(64)
    target = trained(build(1), images, InputRange(64, 1, *range_))
    low, high = images.flatten(1).quantile(torch.tensor([0.005, 0.995]), dim=1)[..., None, None, None]
    stretched = {"stretched": ((images - low) / (high - low)).clamp(0, 1)} if range_ in RANGES.values() else {}
    found = infer_input(target, 1, stretched | {"as in the file": images})
    assert found[0].input_range.size == 64 and found[0].view == "as in the file" and found[0].distance < 0.2
    assert np.log(found[0].input_range.std[0] / range_[1][0]) == pytest.approx(0, abs=0.1)
    assert all(found[0].misfit < other.misfit for other in found[1:]) and len(found) > 1


@pytest.mark.parametrize(("channels", "mean", "std"), [(1, (0.5,), (0.25,)), (3, (0.3, 0.3, 0.3), (0.2, 0.2, 0.2))])
def test_a_range_that_no_list_names_is_inferred(chests, build, channels, mean, std, float32):
    """ImageNet's is near enough to pass for it, and hid a leak."""
    target = trained(build(channels), chests["stretched"], InputRange(64, channels, mean, std))
    found = infer_input(target, channels, {"stretched": chests["stretched"]}, size=64)[0]
    assert found.fits and "no list names" in found.words
    assert np.mean(found.input_range.mean) == pytest.approx(mean[0], abs=0.03)
    assert np.mean(found.input_range.std) == pytest.approx(std[0], rel=0.1)


def test_images_of_another_kind_fit_nothing(chests, build, float32):
    target = trained(build(1), chests["stretched"], InputRange(64, 1))
    noise = torch.rand(24, 1, 128, 128, generator=torch.Generator().manual_seed(0))
    assert not infer_input(target, 1, {"noise": noise})[0].fits


def test_a_network_of_another_stride_is_not_taken_for_one_of_wrong_images(chests, float32):
    torch.manual_seed(0)
    arguments = {
        "spatial_dims": 2,
        "n_input_channels": 1,
        "num_classes": 2,
        "bias_downsample": False,
        "widen_factor": 1 / 8,
    }
    other = nets.resnet18(**arguments, conv1_t_stride=1)
    trained(other, chests["stretched"], InputRange(64, 1))
    mistaken = build_classifier("resnet18", channels=1, classes=2, width=8)
    mistaken.load_state_dict(other.state_dict())
    found = infer_input(weights_of(mistaken), 1, chests, size=64)[0]
    assert found.other_network and not found.fits
    assert infer_input(weights_of(other.eval()), 1, chests, size=64)[0].fits


def test_distances_are_zero_for_the_statistics_themselves(chests, build, float32):
    model = build(1)
    images = chests["stretched"]
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = 1.0
    model.train()
    with torch.no_grad():
        model(InputRange(64, 1)(images))
    access = weights_of(model.eval())
    assert max(distances(Goals(access, InputRange(64, 1), GoalSettings()), images)) < 1e-2
    assert measure_fit(access, InputRange(64, 1), "", "", images).distance < 1e-2
