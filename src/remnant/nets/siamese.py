"""The adversary of Privacy-Net (Kim 2019): are two codes of one patient?

DenseNet (Huang et al. 2017) and ResNet (He et al. 2016) are MONAI's. MONAI takes seconds to import: only once one is built.
"""

from collections.abc import Callable
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from remnant.base.errors import RemnantError
from remnant.base.importing import importing
from remnant.nets.normalisation import group_norm
from remnant.nets.strided import HalvingConvolution, StridedConvolution

Head = Literal["published", "symmetric"]
Norm = Literal["group", "batch"]


def _densenet(
    channels: int, start: int, growth: int, blocks: tuple[int, ...], bottleneck: int, *, pool: bool
) -> nn.Module:
    with importing():
        from monai.networks.nets import DenseNet

    trunk = DenseNet(3, channels, 1, init_features=start, growth_rate=growth, block_config=blocks, bn_size=bottleneck)
    trunk.features_out = trunk.class_layers.out.in_features
    trunk.class_layers.out = nn.Identity()
    if not pool:
        trunk.features.pool0 = nn.Identity()
    for layer in trunk.modules():
        if isinstance(layer, nn.AvgPool3d):
            # Odd sides lose no border, and patches may be half as small.
            layer.ceil_mode = True
    # What the last transition pools must have two places a side.
    trunk.smallest_side = 2 ** (len(blocks) - 1 + pool) + 1
    return trunk


def _resnet(channels: int, widths: tuple[int, ...], blocks: tuple[int, ...], kernel: int, *, pool: bool) -> nn.Module:
    with importing():
        from monai.networks.nets import ResNet

    # MONAI's default does not stride in the first convolution, which makes all that follows cost eight times as much.
    trunk = ResNet(
        "basic",
        list(blocks),
        list(widths),
        n_input_channels=channels,
        conv1_t_size=kernel,
        conv1_t_stride=2,
        no_max_pool=not pool,
        feed_forward=False,
        bias_downsample=False,
    )
    trunk.features_out, trunk.smallest_side = widths[-1], 1
    return trunk


# At 3 mm the small ones could not spare what a second halving before the first block takes: they have no pooling there.
TRUNKS: dict[str, Callable[[int], nn.Module]] = {
    "densenet121": lambda channels: _densenet(channels, 64, 32, (6, 12, 24, 16), 4, pool=True),
    "densenet_small": lambda channels: _densenet(channels, 16, 16, (3, 3, 3), 2, pool=False),
    "resnet18": lambda channels: _resnet(channels, (64, 128, 256, 512), (2, 2, 2, 2), 7, pool=True),
    "resnet_small": lambda channels: _resnet(channels, (16, 32, 64, 128), (1, 1, 1, 1), 3, pool=False),
}


def build_trunk(name: str, channels: int = 1, norm: Norm = "group") -> nn.Module:
    """An untrained trunk of `TRUNKS`: (n, `channels`, x, y, z), sides of `smallest_side` or more, to pooled features
    (n, `features_out`).

    Each volume is normalised by itself (`group_norm`): with BatchNorm the answer on one pair would depend on the other
    pairs of the batch, of which half are of one patient, and an adversary against a moving encoder would be tested with
    statistics of codes that are no longer drawn. `norm` "batch" keeps it, to measure that. Its weights come from torch's global
    generator.
    Raises `RemnantError` for an unknown name.
    """
    if name not in TRUNKS:
        raise RemnantError(f"The trunk of a Siamese network must be one of {', '.join(TRUNKS)}. Got '{name}' instead.")
    trunk = TRUNKS[name](channels)
    # Afterwards, since MONAI's ResNet hands its argument `norm` to its first layer alone.
    for parent in list(trunk.modules()):
        for child, layer in parent.named_children():
            if isinstance(layer, nn.BatchNorm3d) and norm == "group":
                setattr(parent, child, group_norm(layer.num_features))
            elif isinstance(layer, nn.Conv3d) and layer.in_channels == channels:
                setattr(parent, child, _instead(HalvingConvolution, layer))
            elif isinstance(layer, nn.Conv3d) and max(layer.stride) > 1:
                # What it draws only to be overwritten leaves the generator as it was.
                with torch.random.fork_rng(devices=[]):
                    setattr(parent, child, _instead(StridedConvolution, layer))
    return trunk


def _instead(kind: type[StridedConvolution], layer: nn.Conv3d) -> StridedConvolution:
    """A convolution of another `kind` with the weights of `layer`."""
    same = kind(
        layer.in_channels,
        layer.out_channels,
        layer.kernel_size,
        layer.stride,
        layer.padding,
        bias=layer.bias is not None,
    )
    same.load_state_dict(layer.state_dict())
    return same


class Siamese(nn.Module):
    """One `trunk` for both volumes, and a `head` of two fully connected layers on what it makes of them.

    Head `published` reads the features one behind the other, as the paper has it, so that the order of a pair matters;
    `symmetric` reads their distance and their product, |a - b| and a * b, which are the same in either order. The paper
    gives no widths; in the authors' code the hidden layer is twice as wide as what it reads, and so it is here. Trunks are
    those of `TRUNKS`, `norm` as for `build_trunk`. D with `densenet121` has 19.6 M parameters; the authors' has about 22 M, 2 M
    of them never used.

    Raises `RemnantError` for an unknown trunk or head.
    """

    def __init__(
        self, trunk: str = "densenet_small", head: Head = "symmetric", channels: int = 1, norm: Norm = "group"
    ) -> None:
        super().__init__()
        if head not in get_args(Head):
            raise RemnantError(
                f"The head of a Siamese network must be one of {', '.join(get_args(Head))}. Got '{head}' instead."
            )
        self.symmetric = head == "symmetric"
        self.trunk = build_trunk(trunk, channels, norm)
        width = 2 * self.trunk.features_out
        self.head = nn.Sequential(nn.Linear(width, 2 * width), nn.ReLU(inplace=True), nn.Linear(2 * width, 1))

    def embed(self, volumes: Tensor) -> Tensor:
        """(n, channels, x, y, z) to features (n, f), for retrieval by Euclidean distance.

        Raises `RemnantError` when a side is too small for the trunk.
        """
        if min(volumes.shape[2:]) < self.trunk.smallest_side:
            raise RemnantError(
                f"The trunk of this Siamese network takes sides of {self.trunk.smallest_side} or more. Got "
                f"{' x '.join(map(str, volumes.shape[2:]))} instead; give larger patches or another trunk."
            )
        return self.trunk(volumes)

    def compare(self, first: Tensor, second: Tensor) -> Tensor:
        """Features (n, f) of two volumes each, as `embed` gives them, to logits (n,) for "same patient"."""
        pair = ((first - second).abs(), first * second) if self.symmetric else (first, second)
        return self.head(torch.cat(pair, dim=1)).squeeze(1)

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """Volumes (n, channels, x, y, z) and as many of the same sides to logits (n,) for "same patient".

        Raises `RemnantError` when a side is too small for the trunk.
        """
        return self.compare(*self.embed(torch.cat([first, second])).chunk(2))
