"""Vision Transformers (Dosovitskiy et al. 2021) with a class token, in the names of torchvision, timm and MONAI."""

import math

import torch
from torch import Tensor

from remnant.base.texts import counted
from remnant.targets.known.match import Layout, Match, count, layer, renamed

TORCHVISION = [(r"\.mlp\.linear_1\.", ".mlp.0."), (r"\.mlp\.linear_2\.", ".mlp.3.")]
_BLOCKS = [
    (r"^blocks\.(\d+)\.", r"encoder.layers.encoder_layer_\1."),
    (r"\.norm([12])\.", r".ln_\1."),
    (r"\.attn\.qkv\.", ".self_attention.in_proj_"),
    (r"\.attn\.(?:out_)?proj\.", ".self_attention.out_proj."),
    (r"^norm\.", "encoder.ln."),
    (r"^cls_token$", "class_token"),
]
TIMM = [
    *_BLOCKS,
    (r"\.mlp\.fc1\.", ".mlp.0."),
    (r"\.mlp\.fc2\.", ".mlp.3."),
    (r"^pos_embed$", "encoder.pos_embedding"),
    (r"^patch_embed\.proj\.", "conv_proj."),
    (r"^head\.(?:\d\.)?", "heads.head."),
]
MONAI = [
    *_BLOCKS,
    (r"\.mlp\.linear1\.", ".mlp.0."),
    (r"\.mlp\.linear2\.", ".mlp.3."),
    (r"^patch_embedding\.position_embeddings$", "encoder.pos_embedding"),
    (r"^patch_embedding\.patch_embeddings\.(?:1\.)?", "conv_proj."),
    (r"^patch_embedding\.cls_token$", "class_token"),
    (r"^classification_head\.0\.", "heads.head."),
]
DIALECTS = {"encoder.pos_embedding": "torchvision", "pos_embed": "timm", "patch_embedding.position_embeddings": "MONAI"}
RULES = {"torchvision": TORCHVISION, "timm": TIMM, "MONAI": MONAI}
HEAD_WIDTH = 64
MONAI_EPS = 1e-5
NAMED = {(224, 16, 12, 768, 3072): "vit_b_16"}


def match_vit(tensors: dict[str, Tensor]) -> Match | None:
    """The Vision Transformer that the names speak of; None when they speak of none.

    Positions are taken to be those of a square image.
    """
    dialect = next((dialect for key, dialect in DIALECTS.items() if key in tensors), None)
    if dialect is None:
        return None
    tensors = renamed(tensors, RULES[dialect])
    assumptions = []
    if dialect == "MONAI":
        tensors, assumptions = _from_monai(tensors)
    stem, positions = tensors.get("conv_proj.weight"), tensors["encoder.pos_embedding"]
    if stem is None or stem.ndim not in (4, 5) or positions.ndim != 3 or "class_token" not in tensors:
        return None
    width, channels, patch = stem.shape[0], stem.shape[1], stem.shape[2]
    dimensions = stem.ndim - 2
    blocks = count(tensors, r"encoder\.layers\.encoder_layer_(\d+)\.")
    tokens = positions.shape[1]
    size = patch * round((tokens - 1) ** (1 / dimensions))
    square = (size // max(1, patch)) ** dimensions + 1 == tokens and len(set(stem.shape[2:])) == 1
    perceptron = tensors.get("encoder.layers.encoder_layer_0.mlp.0.weight")
    mlp = perceptron.shape[0] if perceptron is not None and perceptron.ndim else 4 * width
    head = tensors.get("heads.head.weight")
    classes = head.shape[0] if head is not None and head.ndim == 2 else None
    heads = assumed_heads(width)
    assumptions.append(f"{heads} attention heads of {width // heads}, as usual at this width; shapes do not tell")
    if not square:
        assumptions.append("its positions are not those of a square image in square patches")
    sizes = {"image_size": size, "patch": patch, "blocks": blocks, "width": width, "heads": heads, "mlp": mlp}
    name = NAMED.get((size, patch, blocks, width, mlp), "vit") if heads * HEAD_WIDTH == width else "vit"
    return Match(
        architecture=name,
        dialect=dialect,
        task="classifier",
        dimensions=dimensions,
        channels=channels,
        classes=classes,
        layout=vit_layout(tuple(stem.shape), blocks, mlp, tokens, classes or 0),
        tensors=tensors,
        arguments={"name": "vit", "channels": channels, "classes": classes, **sizes}
        if dimensions == 2 and classes and square and blocks
        else None,
        eps=MONAI_EPS if dialect == "MONAI" else None,
        assumptions=tuple(assumptions),
        normalisation="LayerNorm",
    )


def assumed_heads(width: int) -> int:
    """Heads of 64 numbers, as every published ViT up to L has; else of 32, 16 or 8; else one."""
    return next((width // each for each in (HEAD_WIDTH, 32, 16, 8) if width % each == 0), 1)


def vit_layout(stem: tuple[int, ...], blocks: int, mlp: int, tokens: int, classes: int) -> Layout:
    """Names and shapes for patches of `stem` (width, channels, sides); without a head for 0 `classes`."""
    width = stem[0]
    layout: Layout = {"class_token": (1, 1, width), **layer("conv_proj", *stem)}
    layout["encoder.pos_embedding"] = (1, tokens, width)
    for block in range(blocks):
        at = f"encoder.layers.encoder_layer_{block}"
        layout |= layer(f"{at}.ln_1", width) | layer(f"{at}.ln_2", width)
        layout |= {f"{at}.self_attention.in_proj_weight": (3 * width, width)}
        layout |= {f"{at}.self_attention.in_proj_bias": (3 * width,)}
        layout |= layer(f"{at}.self_attention.out_proj", width, width)
        layout |= layer(f"{at}.mlp.0", mlp, width) | layer(f"{at}.mlp.3", width, mlp)
    layout |= layer("encoder.ln", width)
    return layout | (layer("heads.head", classes, width) if classes else {})


def _from_monai(tensors: dict[str, Tensor]) -> tuple[dict[str, Tensor], list[str]]:
    """MONAI's ViT in torchvision's form: biases that it has not are zero, and so is the class token's position."""
    assumptions = ["MONAI's hyperbolic tangent behind the head is left out, so that the outputs are logits"]
    # Present in every block of MONAI's, used by none that only looks at itself.
    result = {name: tensor for name, tensor in tensors.items() if ".norm_cross_attn." not in name}
    for name, weight in tensors.items():
        if name.endswith(".in_proj_weight"):
            result.setdefault(name.removesuffix("weight") + "bias", weight.new_zeros(weight.shape[0]))
    positions = tensors["encoder.pos_embedding"]
    if positions.ndim == 3:
        result["encoder.pos_embedding"] = torch.cat([torch.zeros_like(positions[:, :1]), positions], dim=1)
    stem = tensors.get("conv_proj.weight")
    if stem is not None and stem.ndim == 2:
        # A perceptron over the numbers of a patch, ordered (row, column, channel); grey if that makes patches square.
        channels = 1 if math.isqrt(stem.shape[1]) ** 2 == stem.shape[1] else 3
        side = math.isqrt(stem.shape[1] // channels)
        if side * side * channels == stem.shape[1]:
            result["conv_proj.weight"] = stem.reshape(-1, side, side, channels).permute(0, 3, 1, 2)
            assumptions.append(
                f"{counted(channels, 'input channel')}: of a perceptron over patches, shapes do not tell"
            )
    return result, assumptions
