"""Public statistics: BatchNorm stores the mean and variance of public images in place of the patients'."""

import copy
from collections.abc import Iterable

from torch import Tensor, nn
from torch.optim.swa_utils import update_bn

from remnant.base.config import NoSettings
from remnant.base.errors import RemnantError
from remnant.base.seeds import Seeds
from remnant.defenses.batch_norm import stores_statistics
from remnant.defenses.defense import Defense


def recompute(
    network: nn.Module, settings: NoSettings, seeds: Seeds, public: Iterable[Tensor] | None = None
) -> nn.Module:
    """A copy of the network whose running means and variances are those that the `public` batches leave, each weighed alike.

    Every weight is as it was (PyTorch's `update_bn`). Raises `RemnantError` without public images.
    """
    if public is None:
        raise RemnantError("Statistics are computed anew on public images; hand some over.")
    changed = copy.deepcopy(network)
    update_bn(public, changed)
    return changed.eval()


PUBLIC_STATISTICS = Defense(
    "public_statistics",
    "BatchNorm statistics of public images",
    "Means and variances are computed anew on public images, so that none is of the training patients; answers "
    "suffer where these differ.",
    "network",
    recompute,
    "Remnant",
    applies=stores_statistics,
    public=True,
)
