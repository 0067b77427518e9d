"""Networks whose normalisation mixes no images: GroupNorm in the place of each BatchNorm."""

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.instancenorm import _InstanceNorm

from remnant.base.errors import RemnantError

GROUPS = 32  # at most, of two channels or more each: a single one may be a single value, which has no spread
# Those of PyTorch itself: what a layer of somebody else's does beside, nobody knows.
REPLACED = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm)


def group_norms(network: nn.Module) -> nn.Module:
    """The network, in place, with a GroupNorm for each BatchNorm, of which it takes scale and shift, and no running statistics.

    Raises `RemnantError` naming a layer that mixes images and is none of PyTorch's own, or is the whole network.
    """
    changed: dict[int, nn.Module] = {}
    for path, module in list(network.named_modules()):
        if isinstance(module, _InstanceNorm) and module.track_running_stats:
            raise RemnantError(
                f"The layer {path!r} keeps running statistics of its images ({type(module).__name__}), which no noise covers; "
                "build it with track_running_stats=False."
            )
        if not isinstance(module, _BatchNorm):
            continue
        if type(module) not in REPLACED or not path:
            raise RemnantError(
                f"The layer {path or 'that the network is'!r} ({type(module).__name__}) normalises over images of several "
                "patients, and nothing can be put in its place; build the network with GroupNorm there."
            )
        changed[id(module)] = _grouped(module)
    for module in list(network.modules()):
        # Not `named_children`, which has a layer of two names once.
        for name, child in list(module._modules.items()):
            if child is not None and id(child) in changed:
                setattr(module, name, changed[id(child)])
    return network


def _grouped(norm: _BatchNorm) -> nn.GroupNorm:
    channels = norm.num_features
    groups = max(count for count in range(1, min(GROUPS, max(1, channels // 2)) + 1) if channels % count == 0)
    if isinstance(norm, nn.BatchNorm1d):
        # Of features without space a group of a few would keep hardly more than their order.
        groups = 1
    found = nn.GroupNorm(groups, channels, norm.eps, affine=norm.affine)
    if norm.affine:
        found.load_state_dict({"weight": norm.weight.detach(), "bias": norm.bias.detach()})
        found = found.to(norm.weight)
    return found.train(norm.training)
