"""Whether the installed PyTorch keeps what `torch.load(weights_only=True)` promises."""

import torch
from torch.torch_version import TorchVersion

from remnant.base.errors import RemnantError

SAFE = "2.10"


def require_safe_torch() -> None:
    """Raise `RemnantError` where PyTorch is older than 2.10, in which a crafted checkpoint gets past `weights_only`
    (CVE-2026-24747).
    """
    if TorchVersion(torch.__version__) < SAFE:
        raise RemnantError(
            f"PyTorch {torch.__version__} may run code that is hidden in a checkpoint (CVE-2026-24747); install torch {SAFE} or "
            "newer before you open any."
        )
