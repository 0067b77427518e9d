import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from remnant.base.errors import RemnantError
from remnant.nets.classifiers import CLASSIFIERS, build_classifier
from remnant.nets.vit import SelfAttention

GOLDEN = sorted((Path(__file__).parent / "golden").glob("*.txt"))
SMALL = {"image_size": 32, "patch": 8, "blocks": 2, "width": 24, "heads": 3, "mlp": 40}


def listed(model):
    return [(name, "x".join(map(str, value.shape)) or "scalar") for name, value in model.state_dict().items()]


def randomised(model):
    """Every parameter and statistic away from what it starts as, so that none can be left out unnoticed."""
    generator = torch.Generator().manual_seed(0)
    state = model.state_dict()
    for name, value in state.items():
        if value.is_floating_point() and value.ndim < 2:
            noise = torch.rand(value.shape, generator=generator) * 0.2
            state[name] = noise + (0.9 if name.endswith(("running_var", "weight")) else -0.1)
    model.load_state_dict(state)
    return model.eval()


def test_the_golden_lists_cover_the_named_networks():
    assert {path.stem for path in GOLDEN} | {"vit"} == set(CLASSIFIERS)


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_names_and_shapes_are_torchvision_s(path):
    """`golden/` was written from torchvision 0.28's state_dicts; one line a tensor, in their order."""
    with torch.device("meta"):
        model = build_classifier(path.stem, classes=1000)
    assert listed(model) == [tuple(line.split()) for line in path.read_text().splitlines()]


@pytest.mark.slow
@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_names_shapes_and_outputs_are_torchvision_s_own(path, torchvision):
    torch.manual_seed(0)
    theirs = randomised(getattr(torchvision.models, path.stem)(num_classes=5))
    if hasattr(theirs, "heads"):
        # torchvision's own head starts at zero.
        nn.init.normal_(theirs.heads.head.weight, std=0.05)
    ours = build_classifier(path.stem, classes=5)
    assert listed(ours) == listed(theirs)
    ours.load_state_dict(theirs.state_dict())
    vit = path.stem == "vit_b_16"
    images = torch.randn(2, 3, *((224, 224) if vit else (96, 96)))
    # In training mode a ResNet normalises by the batch; a ViT without dropout does the same in both.
    for training in (False,) if vit else (False, True):
        with torch.no_grad():
            expected, given = theirs.train(training)(images), ours.train(training)(images)
        assert expected.std() > 0.05
        assert torch.allclose(given, expected, rtol=1e-5, atol=1e-5 * expected.abs().max().item())


@pytest.mark.parametrize("name", ["resnet18", "densenet121"])
def test_channels_classes_and_a_dropout_before_the_head(name):
    model = build_classifier(name, channels=1, classes=2, dropout=0.5)
    head = "fc" if name == "resnet18" else "classifier"
    assert model.state_dict()[f"{head}.1.weight"].shape[0] == 2 and f"{head}.weight" not in model.state_dict()
    assert isinstance(getattr(model, head)[0], nn.Dropout) and getattr(model, head)[0].p == 0.5
    assert model.eval()(torch.rand(3, 1, 32, 32)).shape == (3, 2)


def test_a_vit_of_any_size():
    model = build_classifier("vit", channels=1, classes=2, dropout=0.3, **SMALL)
    assert model(torch.rand(3, 1, 32, 32)).shape == (3, 2)
    assert model.state_dict()["encoder.pos_embedding"].shape == (1, 17, 24)
    assert {part.p for part in model.modules() if type(part) is nn.Dropout} == {0.3}
    small = build_classifier("vit_b_16", **{**SMALL, "blocks": 1})
    assert small.state_dict()["encoder.pos_embedding"].shape == (1, 17, 24)


def test_self_attention_is_pytorchs_and_as_exact_under_bfloat16_as_its_projections():
    torch.manual_seed(0)
    layer, peer = SelfAttention(24, 3, batch_first=True), nn.MultiheadAttention(24, 3, batch_first=True)
    peer.load_state_dict(layer.state_dict())
    tokens = torch.rand(2, 17, 24)
    expected, _ = peer(tokens, tokens, tokens)
    torch.testing.assert_close(layer(tokens), expected)
    torch.testing.assert_close(layer.double()(tokens.double()).float(), expected)
    with torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(layer.float()(tokens).float(), expected, atol=5e-3, rtol=0)


def test_what_a_user_can_mend():
    with pytest.raises(RemnantError, match=r"must be one of resnet18, .*Got 'resnet19' instead"):
        build_classifier("resnet19")
    with pytest.raises(RemnantError, match=r"image_size must be a multiple of its patch\. Got 32 and 7 instead"):
        build_classifier("vit", **{**SMALL, "patch": 7})
    with pytest.raises(RemnantError, match=r"width must be a multiple of its heads\. Got 24 and 5 instead"):
        build_classifier("vit", **{**SMALL, "heads": 5})
    with pytest.raises(RemnantError, match=r"takes images of 32 x 32 pixels\. Got 64 x 32 instead"):
        build_classifier("vit", **SMALL)(torch.rand(1, 3, 64, 32))


@pytest.mark.slow
def test_a_small_vit_and_a_resnet_learn_from_scratch():
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(32) % 2
    images = torch.randn(32, 1, 32, 32, generator=generator) * 0.3
    images[labels == 1, :, 8:16, 8:16] += 1
    for name, arguments, steps in (("vit", SMALL, 80), ("resnet18", {}, 15)):
        torch.manual_seed(0)
        model = build_classifier(name, channels=1, **arguments)
        optimizer = torch.optim.AdamW(model.parameters(), 1e-3)
        for _ in range(steps):
            optimizer.zero_grad()
            loss = nn.functional.binary_cross_entropy_with_logits(model(images).squeeze(1), labels.float())
            loss.backward()
            optimizer.step()
        assert loss < 0.3, name


def test_monai_is_imported_only_for_the_networks_that_are_monai_s():
    program = (
        "import sys; from remnant.nets.classifiers import build_classifier; import torch\n"
        f"build_classifier('vit', **{SMALL}); assert 'monai' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
