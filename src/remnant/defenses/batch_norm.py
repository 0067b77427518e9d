"""The BatchNorm layers of a finished network, which store the mean and variance of what trained it."""

import copy
from collections.abc import Callable
from typing import Any

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from remnant.defenses.defense import of_a_network


def stores_statistics(subject: Any) -> str:
    """Why a defence of stored statistics does not suit a subject, empty for a network that has any."""
    if why := of_a_network(subject):
        return why
    return "" if any(map(is_stored, subject.modules())) else "the network stores no statistics of BatchNorm"


def is_stored(module: nn.Module) -> bool:
    """Whether it is a BatchNorm with a running mean and variance."""
    return isinstance(module, _BatchNorm) and module.running_mean is not None


def with_each(network: nn.Module, change: Callable[[nn.Module], nn.Module]) -> nn.Module:
    """A copy of the network in evaluation mode, with `change` of each BatchNorm that stores statistics in its place.

    A layer that stands at several places is changed once, and stands there changed.
    """
    network = copy.deepcopy(network).eval()
    if is_stored(network):
        return change(network).eval()
    changed: dict[int, nn.Module] = {}
    for module in list(network.modules()):
        # Not `named_children`, which has a layer of two names once.
        for name, child in list(module._modules.items()):
            if child is not None and is_stored(child):
                if id(child) not in changed:
                    changed[id(child)] = change(child)
                setattr(module, name, changed[id(child)])
    return network.eval()
