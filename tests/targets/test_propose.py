"""A library's network by name, from the shapes of a checkpoint, and its weights put back."""

import pytest
import torch

from remnant.targets import build as building
from remnant.targets.build import build
from remnant.targets.opening import open_checkpoint
from remnant.targets.propose import propose
from remnant.targets.recognise import find_match
from remnant.targets.weights import load_weights


def proposed(path, network):
    torch.save({"state_dict": network.state_dict()}, path)
    opened = open_checkpoint(path)
    match, _ = find_match(opened)
    return propose(opened, match)


def put_back(tmp_path, network, images):
    """What is proposed builds the same network: same weights, same answers."""
    found = proposed(tmp_path / "a.pt", network)
    assert found and found.tried, found
    again = build(found.build, found.arguments)
    assert load_weights(again, tmp_path / "a.pt") == ()
    with torch.no_grad():
        ours, theirs = (one.eval()(images) for one in (again, network))
    pair = (getattr(ours, "logits", ours), getattr(theirs, "logits", theirs))
    torch.testing.assert_close(*pair)
    return found


UNETS = {
    "UNet": {"channels": (4, 8, 16), "strides": (2, 2), "num_res_units": 2},
    "UNet, plain": {"channels": (4, 8, 16, 32), "strides": (2, 2, 2), "num_res_units": 0, "norm": "batch"},
    "UNet, other": {"channels": (4, 8), "strides": (2,), "act": "RELU", "norm": ("instance", {"affine": True})},
    "BasicUNet": {"features": (4, 4, 8, 8, 16, 4)},
    "SegResNet": {"init_filters": 8, "blocks_down": (1, 2, 2), "blocks_up": (1, 1)},
}


@pytest.mark.parametrize("name", UNETS)
@pytest.mark.parametrize("axes", [2, 3])
def test_segmenters_of_monai(tmp_path, name, axes):
    kind = name.partition(",")[0]
    network = build(f"monai:{kind}", {"spatial_dims": axes, "in_channels": 1, "out_channels": 3, **UNETS[name]})
    found = put_back(tmp_path, network, torch.rand(2, 1, *[32] * axes))
    assert found.build == f"monai:{kind}"


def test_a_classifier_of_monai(tmp_path):
    network = build("monai:DenseNet121", {"spatial_dims": 2, "in_channels": 1, "out_channels": 3})
    put_back(tmp_path, network, torch.rand(2, 1, 32, 32))


@pytest.mark.slow
def test_classifiers_of_other_libraries(tmp_path, torchvision, timm):
    sizes = {"image_size": 32, "patch_size": 8, "hidden_size": 32, "num_hidden_layers": 2, "intermediate_size": 64}
    made = {
        "torchvision:resnet18": {"num_classes": 2},
        "torchvision:densenet121": {"num_classes": 2},
        "torchvision:convnext_tiny": {"num_classes": 2},
        "timm:resnet18": {"num_classes": 2, "in_chans": 1},
        "timm:convnext_atto": {"num_classes": 2, "in_chans": 1},
        "timm:vit_tiny_patch16_224": {"num_classes": 2, "img_size": 32},
        "torchxrayvision:DenseNet": {"num_classes": 4, "in_channels": 1},
        "transformers:ViTForImageClassification": {
            **sizes,
            "num_attention_heads": 1,
            "num_channels": 1,
            "num_labels": 2,
        },
    }
    for name, arguments in made.items():
        network = build(name, arguments)
        channels = arguments.get("in_chans", arguments.get("in_channels", arguments.get("num_channels", 3)))
        side = 224 if name.startswith("torchxray") else 32
        put_back(tmp_path, network, torch.rand(2, channels, side, side))


@pytest.mark.slow
def test_files_of_hugging_face_have_the_names_of_older_versions(tmp_path, torchvision):
    sizes = {"image_size": 32, "patch_size": 8, "hidden_size": 32, "num_hidden_layers": 2, "intermediate_size": 64}
    arguments = {**sizes, "num_attention_heads": 1, "num_channels": 1, "num_labels": 2}
    network = build("transformers:ViTForImageClassification", arguments)
    network.save_pretrained(tmp_path)
    opened = open_checkpoint(tmp_path / "model.safetensors")
    assert "vit.encoder.layer.0.attention.attention.query.weight" in opened.tensors.keys() - network.state_dict().keys()
    found = propose(opened, find_match(opened)[0])
    again = build(found.build, found.arguments)
    load_weights(again, tmp_path / "model.safetensors")
    assert all(torch.equal(one, again.state_dict()[name]) for name, one in network.state_dict().items())


def test_a_library_that_does_not_load_is_proposed_untried(tmp_path, state, monkeypatch):
    monkeypatch.setitem(building.LIBRARIES, "torchvision", ("nowhere.models", None))
    torch.save(state("resnet18"), tmp_path / "a.pt")
    opened = open_checkpoint(tmp_path / "a.pt")
    found = propose(opened, find_match(opened)[0])
    assert (found.build, found.arguments, found.tried) == ("torchvision:resnet18", {"num_classes": 1}, False)


def test_what_fits_no_library_is_not_proposed(tmp_path, state):
    tensors = state("densenet121")
    monai = {name.replace("denselayer1.", "denselayer1.layers."): one for name, one in tensors.items()}
    torch.save(monai, tmp_path / "a.pt")
    opened = open_checkpoint(tmp_path / "a.pt")
    assert propose(opened, find_match(opened)[0]) is None
