"""A stranger's weights in Remnant's networks: the same outputs, whatever library they came from."""

import pytest
import torch

from remnant.base.errors import RemnantError
from remnant.nets.classifiers import build_classifier
from remnant.nets.segmenter import Segmenter
from remnant.targets.loading import load_target


@pytest.fixture
def loaded(tmp_path):
    """`loaded(state)`: the network of a file that torch.save made of it."""

    def of(state):
        torch.save(state, tmp_path / "a.pt")
        return load_target(tmp_path / "a.pt")

    return of


def randomised(model):
    """`model` in evaluation mode, with statistics and weights that no initialisation has."""
    generator = torch.Generator().manual_seed(0)
    for name, tensor in model.state_dict().items():
        if tensor.is_floating_point():
            noise = torch.rand(tensor.shape, generator=generator)
            tensor.copy_(noise + 0.5 if name.endswith("running_var") else tensor + 0.1 * (noise - 0.5))
    return model.eval()


@torch.no_grad()
def assert_same_outputs(ours, theirs, *shape):
    image = torch.rand(2, *shape, generator=torch.Generator().manual_seed(1))
    assert torch.allclose(ours(image), theirs(image), rtol=1e-4, atol=1e-5)


def quantised(tensor):
    return torch.quantize_per_tensor(tensor, 0.1, 0, torch.qint8)


def test_a_vit(loaded, state):
    model = loaded({"model": {f"_orig_mod.{name}": tensor for name, tensor in state("vit").items()}})
    assert not model.training and not any(parameter.requires_grad for parameter in model.parameters())
    weights = model.state_dict()
    assert all(torch.equal(tensor, weights[name]) for name, tensor in state("vit").items())
    assert model(torch.rand(2, 3, 32, 32)).shape == (2, 1)


def test_a_segmenter(loaded):
    model = randomised(Segmenter("unet", 3, (2, 4)))
    assert_same_outputs(loaded(model.state_dict()), model, 1, 8, 8, 8)


def test_half_precision_becomes_single(loaded, state):
    model = loaded({name: tensor.half() for name, tensor in state("vit").items()})
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}


@pytest.mark.parametrize(
    ("name", "change", "told"),
    [
        ("vit", lambda state: state.pop("encoder.ln.weight"), "lacks tensors that vit needs"),
        ("vit", lambda state: state.update({"more.weight": torch.zeros(1)}), "none of vit's"),
        ("vit", lambda state: state.update({"heads.head.weight": torch.zeros(1, 3)}), "of shapes that vit has not"),
        (
            "vit",
            lambda state: [state.pop(f"heads.head.{one}") for one in ("weight", "bias")],
            "without its classifying head",
        ),
        ("resnet18", lambda state: state.pop("bn1.running_mean"), "lacks the statistics of BatchNorm layers"),
        ("vit", lambda state: state.update({"heads.head.weight": quantised(state["heads.head.weight"])}), "quantised"),
        ("vit", lambda state: state.update({"heads.head.weight": torch.ones(1, 64, dtype=torch.int8)}), "quantised"),
    ],
)
@pytest.mark.filterwarnings("ignore:torch.quantize_per_tensor:UserWarning")
def test_weights_that_do_not_serve(loaded, state, name, change, told):
    changed = state(name)
    change(changed)
    with pytest.raises(RemnantError, match=told):
        loaded(changed)


def test_a_narrow_resnet(loaded):
    ours = randomised(build_classifier("resnet18", channels=1, classes=2, width=16))
    assert_same_outputs(loaded(ours.state_dict()), ours, 1, 32, 32)


def test_networks_that_remnant_does_not_build(loaded, state):
    with pytest.raises(RemnantError, match=r"3D resnet18 .* does not build"):
        loaded(state("resnet18_3d"))
    with pytest.raises(RemnantError, match=r"architecture of .* is unknown"):
        loaded({"a.weight": torch.zeros(1, 1)})
    with pytest.raises(RemnantError, match="most like resnet18"):
        loaded(state("resnet18") | state("vit"))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["resnet18", "resnet34", "resnet50", "densenet121", "vit_tiny_patch16_224"])
def test_timm_is_the_oracle(loaded, timm, name):
    sizes = {"img_size": 32, "depth": 3} if name.startswith("vit") else {}
    theirs = randomised(timm.create_model(name, num_classes=2, in_chans=1, **sizes))
    ours = loaded({"state_dict_ema": theirs.state_dict()})
    assert_same_outputs(ours, theirs, 1, 32, 32)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["resnet18", "resnet50"])
def test_monai_resnets(loaded, name):
    from monai.networks import nets

    build = getattr(nets, name)
    theirs = build(spatial_dims=2, n_input_channels=1, num_classes=2, conv1_t_stride=2, bias_downsample=False)
    assert_same_outputs(loaded(randomised(theirs).state_dict()), theirs, 1, 32, 32)
    with pytest.raises(RemnantError, match="does not build"):
        loaded(build(spatial_dims=2, n_input_channels=1, num_classes=2).state_dict())


@pytest.mark.slow
def test_monai_densenet(loaded):
    from monai.networks.nets import densenet121

    theirs = randomised(densenet121(spatial_dims=2, in_channels=3, out_channels=1))
    assert_same_outputs(loaded(theirs.state_dict()), theirs, 3, 64, 64)


@pytest.mark.slow
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("projection", ["conv", "perceptron"])
def test_monai_vit(loaded, projection, bias):
    from monai.networks.nets import ViT

    sizes = {"hidden_size": 128, "mlp_dim": 96, "num_layers": 2, "num_heads": 2}
    theirs = ViT(
        1, 32, 16, **sizes, proj_type=projection, classification=True, num_classes=3, spatial_dims=2, qkv_bias=bias
    )
    ours = loaded(randomised(theirs).state_dict())
    image = torch.rand(2, 1, 32, 32)
    with torch.no_grad():
        # MONAI squeezes its outputs, and returns hidden states beside them.
        assert torch.allclose(ours(image).tanh(), theirs(image)[0], rtol=1e-4, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("dimensions", [2, 3])
def test_monai_segmenters_are_known(tmp_path, dimensions):
    from monai.networks import nets

    from remnant.targets.opening import open_checkpoint
    from remnant.targets.recognise import recognise

    networks = [
        nets.UNet(dimensions, 2, 4, (4, 8, 16), (2, 2), num_res_units=units, norm=norm)
        for units, norm in ((0, "INSTANCE"), (2, "BATCH"), (1, "BATCH"))
    ]
    networks.append(nets.UNet(dimensions, 2, 4, (4, 8, 16, 32), (2, 2, 2), num_res_units=2))
    networks += [nets.BasicUNet(dimensions, 2, 4, upsample=kind) for kind in ("deconv", "nontrainable")]
    networks += [nets.SegResNet(dimensions, 8, 2, 4, upsample_mode=kind) for kind in ("nontrainable", "deconv")]
    for network in networks:
        for wrap in (lambda state: state, lambda state: {"state_dict": {f"model.{k}": v for k, v in state.items()}}):
            torch.save(wrap(network.state_dict()), tmp_path / "a.pt")
            one = recognise(open_checkpoint(tmp_path / "a.pt"))
            assert (one.architecture, one.dialect) == (type(network).__name__, "MONAI")
            assert (one.dimensions, one.channels, one.classes) == (dimensions, 2, 4)
            assert not [text for text in one.findings if "trained" not in text and "never saw" not in text]
            assert not any(attack.applies for attack in one.attacks)
