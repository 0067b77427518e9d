"""The arguments by which MONAI built a UNet, SegResNet or BasicUNet, read off the shapes of its tensors."""

import re
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from remnant.targets.known import Match
from remnant.targets.known.match import count

LEVELS = 12  # no UNet has as many


def first(tensors: Mapping[str, Tensor], pattern: str) -> Tensor | None:
    """The first tensor whose whole name fits."""
    return next((tensor for name, tensor in tensors.items() if re.fullmatch(pattern, name)), None)


def _unet(tensors: Mapping[str, Tensor], match: Match) -> dict[str, Any]:
    """Its levels lie in each other."""
    stems = ["model." + "1.submodule." * level for level in range(LEVELS)]
    channels = [_side(tensors, rf"{re.escape(stem)}(?:0\.)?(?:conv\.unit0\.)?conv\.weight", 0) for stem in stems]
    channels = channels[: channels.index(0)]
    return {
        **_sizes(match),
        "channels": channels,
        "strides": [2] * (len(channels) - 1),
        "num_res_units": count(tensors, r"model\.0\.conv\.unit(\d+)\."),
        "kernel_size": _side(tensors, r"model\.0\.(?:conv\.unit0\.)?conv\.weight", 2),
        "up_kernel_size": _side(tensors, r"model\.2\.(?:0\.)?conv\.weight", 2),
        **_norm(tensors),
        **({} if any(name.endswith("adn.A.weight") for name in tensors) else {"act": "RELU"}),
    }


def _seg_res_net(tensors: Mapping[str, Tensor], match: Match) -> dict[str, Any]:
    levels = count(tensors, r"down_layers\.(\d+)\.")
    batch = any(name.endswith("running_mean") for name in tensors)
    return {
        **_sizes(match),
        "init_filters": _side(tensors, r"convInit\.conv\.weight", 0),
        # Behind a convolution, which the first level lacks.
        "blocks_down": [count(tensors, rf"down_layers\.{level}\.(\d+)\.") - (level > 0) for level in range(levels)],
        "blocks_up": [count(tensors, rf"up_layers\.{level}\.(\d+)\.") for level in range(levels - 1)],
        **({"norm": "batch"} if batch else {}),
    }


def _basic_unet(tensors: Mapping[str, Tensor], match: Match) -> dict[str, Any]:
    places = ["conv_0", *(f"down_{level}.convs" for level in range(1, 5)), "upcat_1.convs"]
    widths = [_side(tensors, rf"{re.escape(place)}\.conv_0\.conv\.weight", 0) for place in places]
    return {**_sizes(match), "features": widths}


def _side(tensors: Mapping[str, Tensor], pattern: str, axis: int) -> int:
    """The side of such a tensor, 0 where there is none: MONAI then refuses, and the network is no proposal."""
    found = first(tensors, pattern)
    return 0 if found is None or found.ndim <= axis else found.shape[axis]


def _sizes(match: Match) -> dict[str, Any]:
    return {"spatial_dims": match.dimensions, "in_channels": match.channels, "out_channels": match.classes}


def _norm(tensors: Mapping[str, Tensor]) -> dict[str, Any]:
    if any(name.endswith("running_mean") for name in tensors):
        return {"norm": "batch"}
    affine = any(name.endswith("adn.N.weight") for name in tensors)
    return {"norm": ["instance", {"affine": True}]} if affine else {}


MONAI = {"UNet": _unet, "SegResNet": _seg_res_net, "BasicUNet": _basic_unet}
