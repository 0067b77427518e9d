import pytest
import torch

from remnant.base.errors import RemnantError
from remnant.targets.names import strip_names

NAMES = ("conv1.weight", "layer1.0.bn1.weight", "fc.weight")


def stripped(names):
    return strip_names({name: torch.zeros(1) for name in names})


@pytest.mark.parametrize(
    "prefix",
    [
        "",
        "module.",
        "_orig_mod.",
        "_module.",
        "module._orig_mod.",
        "model.",
        "net.",
        "model._orig_mod.",
        "module.model.",
        "model.module.",
        "resnet.",
        "_orig_mod.module.net.model.",
    ],
)
def test_prefixes(prefix):
    assert tuple(stripped(prefix + name for name in NAMES)[0]) == NAMES


def test_prefixes_within():
    names, told = stripped(("encoder._orig_mod.conv.weight", "decoder._module.conv.weight"))
    assert tuple(names) == ("encoder.conv.weight", "decoder.conv.weight")
    assert any("torch.compile" in text for text in told) and any("differential privacy" in text for text in told)
    # A module of this name, as the public PGGAN has it, is none of a wrapper's.
    kept = ("latent_linear.0.module.weight", "toRGB.0.module.weight")
    assert tuple(stripped(kept)[0]) == kept


@pytest.mark.parametrize(
    "names",
    [
        ("model.0.conv.weight", "model.1.submodule.conv.weight"),
        ("classifier.weight", "classifier.bias"),
        ("features.conv0.weight", "features.norm0.weight"),
        ("encoder.ln.weight", "class_token", "heads.head.weight"),
        ("backbone.conv1.weight", "head.weight"),
        ("module",),
    ],
)
def test_names_of_the_network_itself_stay(names):
    assert tuple(stripped(names)[0]) == names


def test_losses_and_averages_beside_the_network():
    names, told = stripped(
        [f"model.{name}" for name in NAMES] + ["criterion.pos_weight", "ema.conv1.weight", "val_auc.n"]
    )
    assert tuple(names) == NAMES
    assert told == ["Beside `model.`, which is described here, there are: criterion, ema, val_auc."]


def test_two_tensors_of_one_name():
    with pytest.raises(RemnantError, match=r"conv1\.weight without their wrapper"):
        stripped((*NAMES, "module.conv1.weight"))
