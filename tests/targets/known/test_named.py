"""Networks known by their names, with names as the libraries have them."""

import pytest
import torch

from remnant.targets.opening import Opened, open_checkpoint
from remnant.targets.recognise import recognise

# What is known, of whom, channels, classes, and tensors of it: its first convolution, some between, its last layer.
NAMES = {
    "DynUNet": (
        "MONAI",
        1,
        3,
        "input_block.conv1.conv 32,1,3,3,3",
        "bottleneck.norm1 128",
        "output_block.conv.conv 3,32,1,1,1",
    ),
    "SwinUNETR": (
        "MONAI",
        1,
        3,
        "swinViT.patch_embed.proj 12,1,2,2,2",
        "swinViT.layers1.0.blocks.0.norm1 12",
        "out.conv.conv 3,12,1,1,1",
    ),
    "UNETR": ("MONAI", 1, 3, "encoder1.layer.conv1.conv 8,1,3,3,3", "vit.blocks.0.norm1 48", "out.conv.conv 3,8,1,1,1"),
    "VNet": ("MONAI", 1, 3, "in_tr.conv_block.conv 16,1,5,5,5", "down_tr64.bn1 64", "out_tr.conv2 3,3,1,1,1"),
    "AttentionUnet": (
        "MONAI",
        1,
        3,
        "model.0.conv.0.conv 4,1,3,3,3",
        "model.1.attention.W_g.0.conv 2,4,1,1,1",
        "model.2.conv 3,4,1,1,1",
    ),
    "SegResNetDS": (
        "MONAI",
        1,
        3,
        "encoder.conv_init 8,1,3,3,3",
        "encoder.layers.0.blocks.0.conv1 8,8,3,3,3",
        "up_layers.3.head 3,8,1,1,1",
    ),
    "PlainConvUNet": (
        "nnU-Net 2",
        1,
        3,
        "encoder.stages.0.0.convs.0.conv 32,1,3,3,3",
        "decoder.transpconvs.0 320,320,2,2,2",
        "decoder.seg_layers.0 9,320,1,1,1",
        "decoder.seg_layers.1 3,256,1,1,1",
    ),
    "ResidualEncoderUNet": (
        "nnU-Net 2",
        1,
        3,
        "encoder.stem.convs.0.conv 32,1,3,3,3",
        "decoder.transpconvs.0 320,320,2,2,2",
        "decoder.seg_layers.0 3,320,1,1,1",
    ),
    "Generic_UNet": (
        "nnU-Net 1",
        1,
        3,
        "conv_blocks_context.0.blocks.0.conv 32,1,3,3,3",
        "tu.0 320,320,2,2,2",
        "seg_outputs.0 3,320,1,1,1",
    ),
    "ConvNeXt": ("timm", 3, 2, "stem.0 40,3,4,4", "stages.0.blocks.0.conv_dw 40,1,7,7", "head.fc 2,320"),
    "EfficientNet or MobileNet": (
        "timm",
        3,
        2,
        "conv_stem 32,3,3,3",
        "blocks.0.0.conv_dw 32,1,3,3",
        "classifier 2,1280",
    ),
    "Swin Transformer": (
        "timm or Microsoft",
        3,
        2,
        "patch_embed.proj 96,3,4,4",
        "layers.0.blocks.0.attn.logit_scale 3,1,1",
        "head.fc 2,768",
    ),
    "ViT": (
        "Hugging Face",
        3,
        2,
        "vit.embeddings.patch_embeddings.projection 64,3,16,16",
        "vit.encoder.layer.0.attention.attention.query 64,64",
        "classifier 2,64",
    ),
    "YOLO": ("Ultralytics", 3, 80, "model.0.conv 16,3,3,3", "model.2.cv1.conv 32,32,1,1", "model.22.cv3.2.2 80,80,1,1"),
}


def state(lines):
    """Tensors of these names and shapes; a name without its leaf is a weight's."""
    shapes = (line.split() for line in lines)
    leaf = lambda name: name if name.endswith("logit_scale") else f"{name}.weight"  # noqa: E731
    return {leaf(name): torch.rand(tuple(map(int, shape.split(",")))) for name, shape in shapes}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("prefix", ["", "module.", "net."])
def test_networks_by_their_names(tmp_path, name, prefix):
    dialect, channels, classes, *lines = NAMES[name]
    torch.save({"network_weights": {f"{prefix}{key}": one for key, one in state(lines).items()}}, tmp_path / "a.pt")
    one = recognise(open_checkpoint(tmp_path / "a.pt"))
    assert (one.architecture, one.dialect, one.channels, one.classes) == (name, dialect, channels, classes)
    assert not any(attack.applies for attack in one.attacks) and one.advice is None
    assert any("known by its names alone" in text for text in one.assumptions)


def test_names_of_another_network_beside(tmp_path):
    """Half of the tensors are none of its own: it is none."""
    (tmp_path / "a").touch()
    tensors = state(NAMES["DynUNet"][3:]) | {f"other{index}.weight": torch.ones(1, 1) for index in range(9)}
    assert recognise(Opened(tmp_path / "a", "PyTorch", tensors, {})).architecture is None


@pytest.mark.slow
def test_monai_is_the_oracle(tmp_path):
    from monai.networks import nets

    networks = {
        "DynUNet": nets.DynUNet(3, 1, 3, [3, 3, 3], [1, 2, 2], [2, 2]),
        "SwinUNETR": nets.SwinUNETR(in_channels=1, out_channels=3, feature_size=12),
        "UNETR": nets.UNETR(1, 3, (32, 32, 32), feature_size=8, hidden_size=48, mlp_dim=64, num_heads=4),
        "VNet": nets.VNet(3, 1, 3),
        "AttentionUnet": nets.AttentionUnet(3, 1, 3, (4, 8, 16), (2, 2)),
        "SegResNetDS": nets.SegResNetDS(3, 8, 1, 3),
        "BasicUNetPlusPlus": nets.BasicUNetPlusPlus(3, 1, 3, features=(4, 4, 4, 4, 4, 4)),
    }
    for name, network in networks.items():
        torch.save(network.state_dict(), tmp_path / "a.pt")
        one = recognise(open_checkpoint(tmp_path / "a.pt"))
        assert (one.architecture, one.channels, one.classes) == (name, 1, 3), name


@pytest.mark.slow
def test_timm_and_torchvision_are_the_oracles(tmp_path, timm, torchvision):
    made = {
        "ConvNeXt": [timm.create_model("convnext_atto"), torchvision.models.convnext_tiny()],
        "EfficientNet or MobileNet": [
            timm.create_model("efficientnet_b0"),
            torchvision.models.efficientnet_b0(),
            torchvision.models.mobilenet_v2(),
        ],
        "Swin Transformer": [timm.create_model("swin_tiny_patch4_window7_224"), torchvision.models.swin_t()],
        "VGG": [torchvision.models.vgg11()],
    }
    for name, networks in made.items():
        for network in networks:
            torch.save(network.state_dict(), tmp_path / "a.pt")
            one = recognise(open_checkpoint(tmp_path / "a.pt"))
            assert (one.architecture, one.channels, one.classes) == (name, 3, 1000), (name, one.dialect)
