"""What the tensors say as numbers: stored statistics, steps, and values that training cannot have left."""

import torch
from torch import Tensor

from remnant.base.texts import short
from remnant.targets.description import Statistics

UNSIGNED = (torch.uint16, torch.uint32, torch.uint64)
MOMENTUM = "BatchNorm's momentum is not stored; PyTorch's default, 0.1, weighs the last 10 batches most"


def statistics_of(tensors: dict[str, Tensor], kind: str, removed: int) -> Statistics:
    """The running statistics of all layers; `removed`: how many layers of the architecture lack theirs."""
    means = {name: mean for name, mean in tensors.items() if name.rpartition(".")[2] == "running_mean"}
    untouched = 0
    for name, mean in means.items():
        variance = tensors.get(name.removesuffix("mean") + "var")
        untouched += bool((numbers(mean) == 0).all()) and (variance is None or bool((numbers(variance) == 1).all()))
    counters = [
        int(tensor)
        for name, tensor in tensors.items()
        if name.endswith("num_batches_tracked") and tensor.numel() == 1 and is_whole(tensor)
    ]
    steps = max(counters, default=None)
    return Statistics(kind, len(means), untouched, removed, steps, MOMENTUM if means else None)


def fault_of(tensors: dict[str, Tensor]) -> str | None:
    """Why no network can be made of these weights, in words that follow "the weights"; None where one can."""
    if any(tensor.is_complex() for tensor in tensors.values()):
        return "are complex numbers; save real ones"
    if is_quantised(tensors):
        return "are quantised to integers; dequantise them and save the state_dict again"
    if broken := not_finite(tensors):
        return f"hold NaN or infinity ({short(broken[0])}); the training broke down: give an earlier checkpoint"
    if negative := negative_variances(tensors):
        return (
            f"hold a negative variance ({short(negative[0])}), which no training leaves; the file is damaged or edited"
        )
    if is_blank(tensors):
        return "are all zero; give the trained ones"
    return None


def is_whole(tensor: Tensor) -> bool:
    """Whether it holds integers."""
    return not (tensor.is_floating_point() or tensor.is_complex() or tensor.dtype == torch.bool)


def is_quantised(tensors: dict[str, Tensor]) -> bool:
    """Whether matrices or kernels among the weights are integers."""
    return any(is_whole(tensor) for tensor in matrices(tensors))


def is_blank(tensors: dict[str, Tensor]) -> bool:
    """Whether every matrix and kernel is zero, and there is one."""
    held = [tensor for tensor in matrices(tensors) if tensor.numel()]
    return bool(held) and not any(bool((numbers(tensor) != 0).any()) for tensor in held)


def matrices(tensors: dict[str, Tensor]) -> list[Tensor]:
    """Matrices and kernels, without the parameters of normalisations."""
    return [tensor for name, tensor in tensors.items() if name.rpartition(".")[2] == "weight" and tensor.ndim > 1]


def negative_variances(tensors: dict[str, Tensor]) -> list[str]:
    """Names of running variances below zero."""
    return [
        name
        for name, tensor in tensors.items()
        if name.rpartition(".")[2] == "running_var"
        and not tensor.is_complex()
        and tensor.numel()
        and bool((numbers(tensor) < 0).any())
    ]


def not_finite(tensors: dict[str, Tensor]) -> list[str]:
    """Names of tensors that hold NaN or infinity."""
    return [name for name, tensor in tensors.items() if _broken(tensor)]


def numbers(tensor: Tensor) -> Tensor:
    """The tensor in a type that PyTorch computes with: of 8 bits and less as float32, unsigned integers as int64."""
    if tensor.dtype.itemsize == 1 and tensor.dtype.is_floating_point:
        return tensor.float() if tensor.dtype != torch.float4_e2m1fn_x2 else tensor.view(torch.uint8)
    return tensor.to(torch.int64) if tensor.dtype in UNSIGNED else tensor


def _broken(tensor: Tensor) -> bool:
    if not (tensor.is_floating_point() or tensor.is_complex()):
        return False
    tensor = numbers(tensor)
    # One pass without a mask of the tensor's size: a sum is finite unless a value is not, or it overflows.
    if bool(torch.isfinite(tensor.sum(dtype=torch.float32 if tensor.is_floating_point() else None))):
        return False
    return not bool(torch.isfinite(tensor).all())
