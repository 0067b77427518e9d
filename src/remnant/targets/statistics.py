"""What the tensors say as numbers: stored statistics, steps, and values that training cannot have left."""

import torch
from torch import Tensor

from remnant.targets.description import Statistics

MOMENTUM = "BatchNorm's momentum is not stored; PyTorch's default, 0.1, weighs the last 10 batches most"


def statistics_of(tensors: dict[str, Tensor], kind: str, removed: int) -> Statistics:
    """The running statistics of all layers; `removed`: how many layers of the architecture lack theirs."""
    means = {name: mean for name, mean in tensors.items() if name.rpartition(".")[2] == "running_mean"}
    untouched = 0
    for name, mean in means.items():
        variance = tensors.get(name.removesuffix("mean") + "var")
        untouched += bool((mean == 0).all()) and (variance is None or bool((variance == 1).all()))
    counters = [
        int(tensor)
        for name, tensor in tensors.items()
        if name.endswith("num_batches_tracked") and tensor.numel() == 1 and not tensor.is_floating_point()
    ]
    steps = max(counters, default=None)
    return Statistics(kind, len(means), untouched, removed, steps, MOMENTUM if means else None)


def not_finite(tensors: dict[str, Tensor]) -> list[str]:
    """Names of tensors that hold NaN or infinity."""
    return [name for name, tensor in tensors.items() if _broken(tensor)]


def _broken(tensor: Tensor) -> bool:
    if tensor.is_quantized or not (tensor.is_floating_point() or tensor.is_complex()):
        return False
    # One pass without a mask of the tensor's size: a sum is finite unless a value is not, or it overflows.
    if bool(torch.isfinite(tensor.sum(dtype=torch.float32 if tensor.is_floating_point() else None))):
        return False
    return not bool(torch.isfinite(tensor.float() if tensor.dtype.itemsize == 1 else tensor).all())
