"""Folded statistics: of each BatchNorm a scale and a shift remain, which its statistics and weights make together."""

import torch
from torch import Tensor, nn

from remnant.base.config import NoSettings
from remnant.base.seeds import Seeds
from remnant.defenses.batch_norm import stores_statistics, with_each
from remnant.defenses.defense import Defense


class ScaleShift(nn.Module):
    """x times `scale` plus `shift`, a number a channel each, of images (n, channels, *spatial) or features (n, channels)."""

    def __init__(self, scale: Tensor, shift: Tensor) -> None:
        super().__init__()
        self.scale, self.shift = nn.Parameter(scale), nn.Parameter(shift)

    def forward(self, features: Tensor) -> Tensor:
        shape = (1, -1, *[1] * (features.dim() - 2))
        return features * self.scale.reshape(shape) + self.shift.reshape(shape)


def fold(network: nn.Module, settings: NoSettings, seeds: Seeds, public: object = None) -> nn.Module:
    """The network with w / sqrt(variance + eps) and b - mean w / sqrt(variance + eps) in place of each BatchNorm.

    It answers as before. Neither mean nor variance can be taken out of the two: any mean fits some b.
    """
    return with_each(network, _folded)


@torch.no_grad()
def _folded(norm: nn.Module) -> ScaleShift:
    scale = (norm.running_var + norm.eps).rsqrt()
    if norm.weight is not None:
        scale = scale * norm.weight
    shift = -norm.running_mean * scale
    if norm.bias is not None:
        shift = shift + norm.bias
    return ScaleShift(scale.clone(), shift.clone())


FOLDED_STATISTICS = Defense(
    "folded_statistics",
    "folded BatchNorm statistics",
    "Each BatchNorm becomes a scale and a shift a channel, of which no mean or variance can be read; answers stay "
    "the same.",
    "network",
    fold,
    "Remnant",
    applies=stores_statistics,
)
