"""DenseNet121 (Huang et al. 2017) in torchvision's names, which timm shares, and in MONAI's."""

from torch import Tensor

from remnant.targets.known.match import Layout, Match, batch_norm, count, layer, renamed, single_head

BLOCKS = {
    "densenet121": (6, 12, 24, 16),
    "densenet169": (6, 12, 32, 32),
    "densenet201": (6, 12, 48, 32),
}
GROWTH, BOTTLENECK, START = 32, 4, 64
MONAI = [(r"(denselayer\d+)\.layers\.", r"\1."), (r"^class_layers\.out\.", "classifier.")]
# Names of before torchvision 0.3, which its published files still have.
OLD = [(r"(denselayer\d+\.(?:norm|conv))\.(\d)\.", r"\1\2.")]


def match_densenet(tensors: dict[str, Tensor]) -> Match | None:
    """The DenseNet that the names speak of, in 2D or 3D; None when they speak of none."""
    stem = tensors.get("features.conv0.weight")
    if stem is None or stem.ndim not in (4, 5) or not any(".denselayer1." in key for key in tensors):
        return None
    monai = any(".layers." in key or key.startswith("class_layers.") for key in tensors)
    tensors = renamed(tensors, [*MONAI, *OLD])
    tensors, classes, hints = single_head(tensors, "classifier")
    blocks = tuple(count(tensors, rf"features\.denseblock{block}\.denselayer(\d+)\.") for block in (1, 2, 3, 4))
    name = next((name for name, depths in BLOCKS.items() if depths == blocks), "densenet121")
    dimensions, channels = stem.ndim - 2, stem.shape[1]
    return Match(
        architecture=name,
        dialect="MONAI" if monai else "torchvision or timm (one and the same names)",
        task="classifier",
        dimensions=dimensions,
        channels=channels,
        classes=classes,
        layout=densenet_layout(BLOCKS[name], dimensions, channels, 0 if hints else classes or 0),
        tensors=tensors,
        arguments={"name": name, "channels": channels, "classes": classes}
        if name == "densenet121" and dimensions == 2 and classes and not hints
        else None,
        hints=hints,
    )


def densenet_layout(blocks: tuple[int, ...], dimensions: int, channels: int, classes: int) -> Layout:
    """Names and shapes; without a head for 0 `classes`."""

    def convolution(name: str, outputs: int, inputs: int, side: int) -> Layout:
        return {f"{name}.weight": (outputs, inputs, *(side,) * dimensions)}

    layout = convolution("features.conv0", START, channels, 7) | batch_norm("features.norm0", START)
    width = START
    for block, layers in enumerate(blocks, 1):
        for index in range(1, layers + 1):
            at = f"features.denseblock{block}.denselayer{index}"
            layout |= batch_norm(f"{at}.norm1", width) | convolution(f"{at}.conv1", BOTTLENECK * GROWTH, width, 1)
            layout |= batch_norm(f"{at}.norm2", BOTTLENECK * GROWTH)
            layout |= convolution(f"{at}.conv2", GROWTH, BOTTLENECK * GROWTH, 3)
            width += GROWTH
        if block < len(blocks):
            at = f"features.transition{block}"
            layout |= batch_norm(f"{at}.norm", width) | convolution(f"{at}.conv", width // 2, width, 1)
            width //= 2
    layout |= batch_norm("features.norm5", width)
    return layout | (layer("classifier", classes, width) if classes else {})
