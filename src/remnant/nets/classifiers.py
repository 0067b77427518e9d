"""Classifiers of radiographs under torchvision's names and with its outputs, without torchvision.

ResNet (He et al. 2016) and DenseNet (Huang et al. 2017) are MONAI's. MONAI takes seconds to import: only once one is built.
"""

from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from remnant.base.errors import RemnantError
from remnant.base.importing import importing
from remnant.nets.normalisation import with_group_norm
from remnant.nets.vit import ViT

VIT_B_16 = {"image_size": 224, "patch": 16, "blocks": 12, "width": 768, "heads": 12, "mlp": 3072}


class DenseLayer(nn.Sequential):
    """The layers (norm1 to conv2) of a dense block's step; their output goes behind their input."""

    def forward(self, features: Tensor) -> Tensor:
        return torch.cat([features, super().forward(features)], dim=1)


class DenseNet(nn.Module):
    """DenseNet121 with the module names of torchvision."""

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        with importing():
            from monai.networks.nets import densenet121

        theirs = densenet121(spatial_dims=2, in_channels=channels, out_channels=classes)
        self.features = theirs.features
        for name, block in self.features.named_children():
            if name.startswith("denseblock"):
                for step, layer in block.named_children():
                    setattr(block, step, DenseLayer(OrderedDict(layer.layers.named_children())))
        self.classifier = theirs.class_layers.out

    def forward(self, image: Tensor) -> Tensor:
        """(n, channels, h, w) to logits (n, classes)."""
        features = functional.relu(self.features(image))
        return self.classifier(functional.adaptive_avg_pool2d(features, 1).flatten(1))


def _resnet(depth: int) -> Callable[..., nn.Module]:
    def build(channels: int, classes: int, dropout: float | None, width: int = 64) -> nn.Module:
        with importing():
            from monai.networks import nets

        # MONAI's defaults are those of 3D ResNets; these are torchvision's.
        model = getattr(nets, f"resnet{depth}")(
            spatial_dims=2,
            n_input_channels=channels,
            num_classes=classes,
            conv1_t_stride=2,
            bias_downsample=False,
            widen_factor=width / 64,
        )
        model.fc = _behind(dropout, model.fc)
        return model

    return build


def _densenet121(channels: int, classes: int, dropout: float | None) -> nn.Module:
    model = DenseNet(channels, classes)
    model.classifier = _behind(dropout, model.classifier)
    return model


def _vit(channels: int, classes: int, dropout: float | None, **arguments: Any) -> nn.Module:
    return ViT(**arguments, channels=channels, classes=classes, dropout=dropout or 0.0)


def _vit_b_16(channels: int, classes: int, dropout: float | None, **arguments: Any) -> nn.Module:
    return _vit(channels, classes, dropout, **(VIT_B_16 | arguments))


def _behind(dropout: float | None, head: nn.Module) -> nn.Module:
    return head if dropout is None else nn.Sequential(nn.Dropout(dropout), head)


CLASSIFIERS: dict[str, Callable[..., nn.Module]] = {
    "resnet18": _resnet(18),
    "resnet34": _resnet(34),
    "resnet50": _resnet(50),
    "densenet121": _densenet121,
    "vit_b_16": _vit_b_16,
    "vit": _vit,
}


def build_classifier(
    name: str,
    *,
    channels: int = 3,
    classes: int = 1,
    dropout: float | None = None,
    norm: Literal["batch", "group"] = "batch",
    **arguments: Any,
) -> nn.Module:
    """An untrained classifier of `CLASSIFIERS`: (n, channels, h, w) to raw logits (n, classes).

    Its weights come from torch's global generator. `dropout` of a ResNet or DenseNet stands before the head, which is
    then `fc.1` or `classifier.1` as in many a checkpoint, also at probability 0; that of a ViT is torchvision's own,
    inside the encoder, and changes no name. `norm`: "group" has each image normalised by itself where others have BatchNorm.
    `arguments`: of a ResNet the `width` of its first stage, 64 unless told; `vit`
    needs `image_size`, `patch`, `blocks`, `width`, `heads` and `mlp`; in `vit_b_16` they replace what the name says.
    Raises `RemnantError` for an unknown name and for sizes of a ViT that do not fit each other.
    """
    if name not in CLASSIFIERS:
        raise RemnantError(f"The classifier must be one of {', '.join(CLASSIFIERS)}. Got '{name}' instead.")
    network = CLASSIFIERS[name](channels, classes, dropout, **arguments)
    return with_group_norm(network) if norm == "group" else network
