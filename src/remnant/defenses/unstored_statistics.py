"""Unstored statistics: BatchNorm takes mean and variance of what it is asked, and keeps none."""

from torch import nn

from remnant.base.config import NoSettings
from remnant.base.seeds import Seeds
from remnant.defenses.batch_norm import stores_statistics, with_each
from remnant.defenses.defense import Defense


def forget(network: nn.Module, settings: NoSettings, seeds: Seeds, public: object = None) -> nn.Module:
    """The network whose BatchNorm layers normalise by the mean and variance of the batch at hand."""
    return with_each(network, _forgotten)


def _forgotten(norm: nn.Module) -> nn.Module:
    norm.track_running_stats = False
    norm.running_mean = norm.running_var = norm.num_batches_tracked = None
    return norm


UNSTORED_STATISTICS = Defense(
    "unstored_statistics",
    "no stored BatchNorm statistics",
    "No mean and variance of training images are stored, and each batch is normalised by its own; answers depend on "
    "the batch.",
    "network",
    forget,
    "Remnant",
    applies=stores_statistics,
)
