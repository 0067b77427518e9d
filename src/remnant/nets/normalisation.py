"""Normalisation of each scan by its own statistics, as the networks of Privacy-Net (Kim 2019) have it."""

import math

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

GROUPS = 8


def group_norm(channels: int) -> nn.GroupNorm:
    """Normalisation of (n, `channels`, x, y, z) by each scan's own statistics, in up to 8 groups of 2 or more.

    Not BatchNorm, for three reasons. A code must be made of its own scan alone, but in training BatchNorm would mix the
    scans of a batch into it. With the one or two patches a step that fit, the statistics kept for inference are far from
    those that the layers were trained by. And they are kept in the checkpoint, where they tell of the training images
    what `attacks/checkpoint` redraws them from. InstanceNorm, a group a channel, has none of this either, but blows the
    noise of an empty patch up to unit variance and fails where pooling leaves a single voxel.
    """
    return _GroupNorm(max(1, math.gcd(2 * GROUPS, channels) // 2), channels)


def with_group_norm(network: nn.Module) -> nn.Module:
    """The network, changed in place: `group_norm` of as many channels in place of every BatchNorm in it."""
    for module in list(network.modules()):
        for name, child in list(module._modules.items()):
            if isinstance(child, _BatchNorm):
                setattr(module, name, group_norm(child.num_features))
    return network


class _GroupNorm(nn.GroupNorm):
    """Under bfloat16 on a CPU it works in the usual order of channels, whatever that of the volumes around it.

    With channels last its way back took half of a step; the copies here and there take a tenth of that.
    """

    def forward(self, features: Tensor) -> Tensor:
        if features.dim() != 5 or features.dtype != torch.bfloat16 or features.device.type != "cpu":
            return super().forward(features)
        return super().forward(features.contiguous()).contiguous(memory_format=torch.channels_last_3d)
