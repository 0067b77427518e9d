"""ResNet 18 to 152 (He et al. 2016) in torchvision's names, which timm and MONAI share."""

from torch import Tensor

from remnant.targets.known.match import Layout, Match, batch_norm, count, layer, single_head

# Bottleneck or not, and blocks in each of the four stages.
DEPTHS = {
    "resnet18": (False, (2, 2, 2, 2)),
    "resnet34": (False, (3, 4, 6, 3)),
    "resnet50": (True, (3, 4, 6, 3)),
    "resnet101": (True, (3, 4, 23, 3)),
    "resnet152": (True, (3, 8, 36, 3)),
}
BUILT = ("resnet18", "resnet34", "resnet50")
WIDTH = 64  # channels of the first stage; each later one has twice as many


def match_resnet(tensors: dict[str, Tensor]) -> Match | None:
    """The ResNet that the names speak of, in 2D or 3D; None when they speak of none."""
    stem = tensors.get("conv1.weight")
    if stem is None or stem.ndim not in (4, 5) or not any(name.startswith("layer1.0.") for name in tensors):
        return None
    tensors, classes, hints = single_head(tensors, "fc")
    blocks = tuple(count(tensors, rf"layer{stage}\.(\d+)\.") for stage in (1, 2, 3, 4))
    kind = ("layer1.0.conv3.weight" in tensors, blocks)
    name = min(DEPTHS, key=lambda name: (DEPTHS[name][0] != kind[0], DEPTHS[name][1] != kind[1]))
    dimensions, channels = stem.ndim - 2, stem.shape[1]
    width = stem.shape[0]
    biased = any(".downsample.0.bias" in key for key in tensors)
    return Match(
        architecture=name,
        dialect="MONAI" if biased or dimensions == 3 else "torchvision, timm or MONAI (one and the same names)",
        task="classifier",
        dimensions=dimensions,
        channels=channels,
        classes=classes,
        layout=resnet_layout(name, dimensions, channels, 0 if hints else classes or 0, width, biased=biased),
        tensors=tensors,
        arguments={"name": name, "channels": channels, "classes": classes, "width": width}
        if name in BUILT and dimensions == 2 and classes and not (biased or hints)
        else None,
        assumptions=(
            "the first convolution has stride 2 and nothing blurs, as in torchvision; MONAI's stride is 1 by default, timm's "
            "resnetblur and resnetaa blur, and names and shapes do not tell",
        ),
        hints=hints,
    )


def resnet_layout(
    name: str, dimensions: int, channels: int, classes: int, width: int = WIDTH, *, biased: bool = False
) -> Layout:
    """Names and shapes; without a head for 0 `classes`; `biased`: MONAI's shortcut convolutions have a bias."""
    bottleneck, depths = DEPTHS[name]

    def kernel(side: int) -> tuple[int, ...]:
        return (side,) * dimensions

    layout = {"conv1.weight": (width, channels, *kernel(7)), **batch_norm("bn1", width)}
    below = width
    for stage, blocks in enumerate(depths, 1):
        inner = width * 2 ** (stage - 1)
        above = inner * 4 if bottleneck else inner
        for block in range(blocks):
            at = f"layer{stage}.{block}"
            wide = ((below, inner, 3), (inner, inner, 3))
            sides = ((below, inner, 1), (inner, inner, 3), (inner, above, 1)) if bottleneck else wide
            for index, (inputs, outputs, side) in enumerate(sides, 1):
                layout[f"{at}.conv{index}.weight"] = (outputs, inputs, *kernel(side))
                layout |= batch_norm(f"{at}.bn{index}", outputs)
            if block == 0 and (stage > 1 or bottleneck):
                layout[f"{at}.downsample.0.weight"] = (above, below, *kernel(1))
                if biased:
                    layout[f"{at}.downsample.0.bias"] = (above,)
                layout |= batch_norm(f"{at}.downsample.1", above)
            below = above
    return layout | (layer("fc", classes, below) if classes else {})
