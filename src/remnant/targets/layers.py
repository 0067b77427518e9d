"""Layers of a network that nobody knows, guessed from the names and shapes of their tensors."""

from torch import Tensor

from remnant.targets.description import Layer

BUFFERS = ("running_mean", "running_var", "num_batches_tracked")
CONVOLUTIONS = {3: "Conv1d", 4: "Conv2d", 5: "Conv3d"}
RECURRENT = {4: "LSTM", 3: "GRU", 1: "RNN"}


def layers_of(tensors: dict[str, Tensor]) -> tuple[Layer, ...]:
    """The modules that hold tensors, in the file's order."""
    groups: dict[str, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        parent, _, leaf = name.rpartition(".")
        groups.setdefault(parent, {})[leaf] = tensor
    return tuple(
        Layer(
            parent,
            _kind(parent, held),
            {leaf: tuple(tensor.shape) for leaf, tensor in held.items()},
            sum(tensor.numel() for leaf, tensor in held.items() if leaf not in BUFFERS),
        )
        for parent, held in groups.items()
    )


def _kind(name: str, held: dict[str, Tensor]) -> str:
    """As far as shapes tell: a transposed convolution looks like a convolution, a LayerNorm like a GroupNorm."""
    weight = held.get("weight")
    if "running_mean" in held:
        return "BatchNorm" if "weight" in held else "BatchNorm or InstanceNorm without weights"
    if "in_proj_weight" in held:
        return "MultiheadAttention"
    if "weight_ih_l0" in held and "weight_hh_l0" in held and held["weight_hh_l0"].ndim == 2:
        rows, hidden = held["weight_hh_l0"].shape
        return RECURRENT.get(rows // max(1, hidden), "recurrent layer")
    if weight is None:
        return "parameters"
    if weight.ndim in CONVOLUTIONS:
        return CONVOLUTIONS[weight.ndim]
    if weight.ndim == 2:
        return "Linear" if "bias" in held or "embed" not in name.lower() else "Embedding"
    if weight.ndim == 1:
        return "LayerNorm, GroupNorm or InstanceNorm" if "bias" in held else "RMSNorm or PReLU"
    return "parameters"
