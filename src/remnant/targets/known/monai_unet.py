"""MONAI's UNet, BasicUNet and SegResNet, of any depth, in 2D and 3D: described, not built."""

import re

from torch import Tensor

from remnant.targets.known.match import Match

_ADN = r"adn\.(?:N\.(?:weight|bias|running_mean|running_var|num_batches_tracked)|A\.weight)"
_CONVOLUTION = rf"(?:conv\.(?:weight|bias)|{_ADN})"
_UNIT = rf"(?:{_CONVOLUTION}|conv\.unit\d+\.{_CONVOLUTION}|residual\.(?:weight|bias))"
_NORM = r"(?:weight|bias|running_mean|running_var|num_batches_tracked)"
# For each: where its first convolution is, where its last, and what all names look like.
NETWORKS = {
    "UNet": (
        r"model\.0\.(?:conv\.unit0\.)?conv\.weight",
        r"model\.2\.(?:\d\.)?(?:conv\.unit\d+\.)?conv\.weight",
        rf"model\.(?:1\.submodule\.)*(?:[012]\.)?(?:[01]\.)?{_UNIT}",
    ),
    "BasicUNet": (
        r"conv_0\.conv_0\.conv\.weight",
        r"final_conv\.weight",
        rf"(?:(?:conv_0|down_\d\.convs|upcat_\d\.convs)\.conv_[01]\.{_CONVOLUTION}"
        r"|upcat_\d\.upsample\.\w+\.(?:weight|bias)|final_conv\.(?:weight|bias))",
    ),
    "SegResNet": (
        r"convInit\.conv\.weight",
        r"conv_final\.2\.conv\.weight",
        rf"(?:convInit\.conv\.(?:weight|bias)|(?:down|up)_layers\.\d+\.\d+\.(?:norm[12]\.{_NORM}|conv[12]\.conv\.(?:weight|bias)|conv\.(?:weight|bias))"
        rf"|up_samples\.\d+\.\d+\.(?:conv|deconv)\.(?:weight|bias)|conv_final\.0\.{_NORM}|conv_final\.2\.conv\.(?:weight|bias))",
    ),
}


def match_monai_unet(tensors: dict[str, Tensor]) -> Match | None:
    """The network of MONAI that the names speak of; None when they speak of none."""
    for name, (first, last, pattern) in NETWORKS.items():
        stems = [tensor for key, tensor in tensors.items() if re.fullmatch(first, key)]
        ends = [tensor for key, tensor in tensors.items() if re.fullmatch(last, key)]
        if not stems or not ends or stems[0].ndim not in (4, 5):
            continue
        transposed = name == "UNet" and not any(".unit0." in key and key.startswith("model.2") for key in tensors)
        batch = any(key.endswith("running_mean") for key in tensors)
        known = {key: tuple(tensor.shape) for key, tensor in tensors.items() if re.fullmatch(pattern, key)}
        return Match(
            architecture=name,
            dialect="MONAI",
            task="segmenter",
            dimensions=stems[0].ndim - 2,
            channels=stems[0].shape[1],
            classes=ends[-1].shape[1 if transposed else 0],
            layout=known,
            tensors=tensors,
            assumptions=("activations, strides and padding are MONAI's defaults; shapes do not tell",),
            normalisation="BatchNorm" if batch else "InstanceNorm or GroupNorm, which store no statistics",
        )
    return None
