"""Under which names and arguments libraries publish a known architecture."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from remnant.targets.known import Match
from remnant.targets.known.match import count
from remnant.targets.known.vit import assumed_heads
from remnant.targets.published_monai import MONAI, first

# Sizes of an architecture that are known by names alone, by library; which one it is, its shapes tell.
SIZES: dict[tuple[str, str], tuple[str, ...]] = {
    ("ConvNeXt", "timm"): tuple(f"convnext_{size}" for size in ("atto", "femto", "pico", "nano", "tiny", "small", "base")),
    ("ConvNeXt", "torchvision"): tuple(f"convnext_{size}" for size in ("tiny", "small", "base", "large")),
    ("EfficientNet or MobileNet", "timm"): (
        *(f"efficientnet_b{size}" for size in range(5)),
        *("mobilenetv2_100", "mobilenetv3_small_100", "mobilenetv3_large_100"),
    ),
    ("EfficientNet or MobileNet", "torchvision"): (
        *(f"efficientnet_b{size}" for size in range(5)),
        *("mobilenet_v2", "mobilenet_v3_small", "mobilenet_v3_large"),
    ),
    ("Swin Transformer", "torchvision"): ("swin_t", "swin_s", "swin_b"),
    ("VGG", "torchvision"): ("vgg11", "vgg16", "vgg19", "vgg11_bn", "vgg16_bn", "vgg19_bn"),
}  # fmt: skip
TORCHVISION_VITS = {
    (768, 12, 16): "vit_b_16",
    (768, 12, 32): "vit_b_32",
    (1024, 24, 16): "vit_l_16",
    (1024, 24, 32): "vit_l_32",
}


@dataclass(frozen=True)
class Candidate:
    """`build` with its `arguments`; `certain`: names and shapes leave no other network of this library."""

    build: str
    arguments: dict[str, Any]
    certain: bool = True


def candidates(tensors: Mapping[str, Tensor], match: Match) -> Iterator[Candidate]:
    """Networks of libraries that `match`, of `tensors`, may be, the likeliest first; none without a head."""
    if not match.classes or match.channels is None:
        return
    if match.architecture.startswith("resnet"):
        yield from _resnets(match)
    elif match.architecture.startswith("densenet"):
        yield from _densenets(match)
    elif match.architecture.startswith("vit"):
        yield from _vits(match)
    elif (match.architecture, match.dialect) == ("ViT", "Hugging Face"):
        yield from _hugging_face(tensors, match)
    elif match.dialect == "MONAI" and match.architecture in MONAI:
        own = {re.sub(r"^(?!model\.)(?=\d\.)", "model.", name): tensor for name, tensor in tensors.items()}
        yield Candidate(f"monai:{match.architecture}", MONAI[match.architecture](own, match))
    for name in SIZES.get((match.architecture, match.dialect), ()):
        yield Candidate(f"{match.dialect}:{name}", _outputs(match.dialect, match), certain=False)


def _outputs(library: str, match: Match) -> dict[str, Any]:
    colours = {"in_chans": match.channels} if library == "timm" and match.channels != 3 else {}
    return {"num_classes": match.classes, **colours}


def _resnets(match: Match) -> Iterator[Candidate]:
    if match.dialect != "MONAI":
        # MONAI's begins with another stride, which no shape tells: it is not guessed.
        library = "torchvision" if match.channels == 3 else "timm"
        yield Candidate(f"{library}:{match.architecture}", _outputs(library, match))
        return
    arguments = {"spatial_dims": match.dimensions, "n_input_channels": match.channels, "num_classes": match.classes}
    for biased in (True, False):
        yield Candidate(f"monai:{match.architecture}", {**arguments, "bias_downsample": biased}, certain=False)


def _densenets(match: Match) -> Iterator[Candidate]:
    if match.dialect == "MONAI":
        sizes = {"spatial_dims": match.dimensions, "in_channels": match.channels, "out_channels": match.classes}
        yield Candidate(f"monai:DenseNet{match.architecture.removeprefix('densenet')}", sizes)
    elif match.channels == 1 and match.architecture == "densenet121":
        yield Candidate("torchxrayvision:DenseNet", {"in_channels": 1, "num_classes": match.classes})
    else:
        library = "torchvision" if match.channels == 3 else "timm"
        yield Candidate(f"{library}:{match.architecture}", _outputs(library, match))


def _vits(match: Match) -> Iterator[Candidate]:
    sizes = match.arguments
    if sizes is None:
        return
    if match.dialect == "torchvision":
        named = TORCHVISION_VITS.get((sizes["width"], sizes["blocks"], sizes["patch"]))
        if named and match.channels == 3:
            arguments = {"image_size": sizes["image_size"], "num_classes": match.classes}
            yield Candidate(f"torchvision:{named}", arguments)
    elif match.dialect == "timm":
        arguments = {
            "img_size": sizes["image_size"],
            "patch_size": sizes["patch"],
            "embed_dim": sizes["width"],
            "depth": sizes["blocks"],
            "num_heads": sizes["heads"],
            "mlp_ratio": sizes["mlp"] / sizes["width"],
        }
        yield Candidate("timm:vit_base_patch16_224", {**arguments, **_outputs("timm", match)})


def _hugging_face(tensors: Mapping[str, Tensor], match: Match) -> Iterator[Candidate]:
    stem = first(tensors, r"(?:vit\.)?embeddings\.patch_embeddings\.projection\.weight")
    positions = first(tensors, r"(?:vit\.)?embeddings\.position_embeddings")
    mlp = first(tensors, r"(?:vit\.)?(?:encoder\.layer|layers)\.0\.(?:intermediate\.dense|mlp\.fc1)\.weight")
    if stem is None or positions is None or mlp is None or stem.ndim != 4 or positions.ndim != 3:
        return
    width, patch = stem.shape[0], stem.shape[2]
    arguments = {
        "image_size": patch * round((positions.shape[1] - 1) ** 0.5),
        "patch_size": patch,
        "num_channels": match.channels,
        "hidden_size": width,
        "num_hidden_layers": count(tensors, r"(?:vit\.)?(?:encoder\.layer|layers)\.(\d+)\."),
        "num_attention_heads": assumed_heads(width),
        "intermediate_size": mlp.shape[0],
        "num_labels": match.classes,
    }
    yield Candidate("transformers:ViTForImageClassification", arguments)
