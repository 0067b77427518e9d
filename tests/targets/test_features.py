import pytest
import torch
from tests.targets.tiny import TinyCNN
from torch import nn

from remnant.base.errors import RemnantError
from remnant.nets.classifiers import build_classifier
from remnant.targets import features
from remnant.targets.features import penultimate_features, predict_logits
from remnant.targets.inputs import InputRange

VIT = {"image_size": 16, "patch": 8, "blocks": 2, "width": 12, "heads": 2, "mlp": 24}


def networks():
    torch.manual_seed(0)
    return [
        (TinyCNN(), "fc", 288),
        (TinyCNN(dropout=0.5), "fc.1", 288),
        (build_classifier("vit", **VIT), "heads.head", 12),
    ]


@pytest.mark.parametrize("index", range(3))
def test_features_are_what_the_head_reads(index):
    network, head, width = networks()[index]
    images, input_range = torch.rand(70, 1, 20, 20), InputRange(16)
    found = penultimate_features(network, images, input_range)
    assert found.shape == (70, width) and found.dtype == torch.float32 and not found.requires_grad
    layer = network.get_submodule(head)
    torch.testing.assert_close(layer(found), predict_logits(network, images, input_range))
    torch.testing.assert_close(layer(found), network(input_range(images)))
    assert found.std(0).max() > 1e-3


def test_batches_are_bounded_and_change_nothing(monkeypatch):
    network = networks()[0][0].eval()
    images, sizes = torch.rand(70, 1, 16, 16), []
    whole = penultimate_features(network, images, InputRange(16))
    network.register_forward_pre_hook(lambda module, inputs: sizes.append(len(inputs[0])))
    monkeypatch.setattr(features, "BATCH", 8)
    torch.testing.assert_close(penultimate_features(network, images, InputRange(16)), whole)
    assert max(sizes) == 8 and sum(sizes) == 70


def test_no_statistic_moves_and_no_hook_stays():
    network = networks()[1][0].train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    penultimate_features(network, torch.rand(5, 1, 16, 16), InputRange(16))
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert not any(module._forward_pre_hooks for module in network.modules())


def test_a_network_without_a_linear_head():
    with pytest.raises(RemnantError, match="A Sequential has no linear head"):
        penultimate_features(nn.Sequential(nn.Conv2d(3, 1, 1)), torch.rand(2, 1, 4, 4), InputRange(4))


@pytest.mark.slow
@pytest.mark.parametrize(("name", "head", "width"), [("resnet18", "fc", 512), ("densenet121", "classifier", 1024)])
def test_the_real_networks(name, head, width):
    network = build_classifier(name)
    images = torch.rand(3, 1, 32, 32)
    found = penultimate_features(network, images, InputRange(32))
    assert found.shape == (3, width)
    torch.testing.assert_close(network.get_submodule(head)(found), predict_logits(network, images, InputRange(32)))
