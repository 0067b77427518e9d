"""The names of a state_dict, freed of what wrappers put before them."""

import re
from collections.abc import Iterable

from torch import Tensor

from remnant.base.errors import RemnantError
from remnant.base.texts import short

# Put before every name by DataParallel, Opacus and torch.compile; the last two also within.
TRANSPARENT = {
    "module": "DataParallel or DistributedDataParallel",
    "_module": "Opacus, so probably trained with differential privacy",
    "_orig_mod": "torch.compile",
}
WITHIN = {"_module", "_orig_mod"}
# Attributes of a Lightning module or a wrapper that hold the network; their siblings are losses, metrics or an average.
HOLDERS = ("model", "net", "network", "backbone")
AVERAGES = ("ema", "ema_model", "model_ema", "ema_net", "averaged_model", "teacher")
LISTED = 8  # siblings
HELD = 8  # holders within holders
# Beside a network under `module.`, by torch.optim.swa_utils.AveragedModel.
AVERAGED = "n_averaged"
# Buffers of a layer that normalises images before the network sees them.
NORMALISES = re.compile(r"(?:normali[sz]\w*|preprocess\w*|norm)\.(?:mean|std)")
LOSSES = re.compile(r"loss|criterion|metric|acc|auc|auroc|f1|dice|confusion|(?:pos|class)_weight")
LEAVES = {"weight", "bias", "running_mean", "running_var", "num_batches_tracked"}
# The features of a headless DenseNet: a name of the network's own.
KEPT = {"features"}


def strip_names(tensors: dict[str, Tensor]) -> tuple[dict[str, Tensor], list[str]]:
    """The tensors under the network's own names, and what the wrappers' names tell.

    Raises `RemnantError` when two tensors would have one name.
    """
    told = [f"Keys begin with `{word}.`: {who}." for word, who in TRANSPARENT.items() if _has(tensors, word)]
    stripped: dict[str, Tensor] = {}
    if AVERAGED in tensors and _has(tensors, "module"):
        told[0] = "Keys begin with `module.` beside `n_averaged`: AveragedModel, a running average of the weights."
        tensors = {name: tensor for name, tensor in tensors.items() if name != AVERAGED}
    for name, tensor in tensors.items():
        parts = name.split(".")
        first = next((index for index, part in enumerate(parts[:-1]) if part not in TRANSPARENT), len(parts) - 1)
        own = ".".join([part for part in parts[first:-1] if part not in WITHIN] + parts[-1:])
        if own in stripped:
            raise RemnantError(
                f"Two tensors of the checkpoint are both {short(own)} without their wrapper's prefix; "
                "save the state_dict of one network."
            )
        stripped[own] = tensor
    return _held(stripped, told)


def _held(tensors: dict[str, Tensor], told: list[str]) -> tuple[dict[str, Tensor], list[str]]:
    """Within the attribute that holds the network, as often as there is one."""
    for _ in range(HELD):
        groups = list(dict.fromkeys(name.partition(".")[0] for name in tensors))
        holder = groups[0] if len(groups) == 1 else next((word for word in HOLDERS if word in groups), None)
        siblings = [word for word in groups if word != holder]
        normalises = [name for name, one in tensors.items() if one.is_floating_point() and NORMALISES.fullmatch(name)]
        within = {name.partition(".")[2]: tensor for name, tensor in tensors.items() if name.startswith(f"{holder}.")}
        if holder in KEPT or not _network(within):
            break
        known = {name.partition(".")[0] for name in normalises}
        if not all(word in AVERAGES or word in known or LOSSES.search(word) for word in siblings):
            break
        told += [f"The network normalises its images itself: {_values(name, tensors[name])}." for name in normalises]
        if siblings:
            beside = ", ".join(map(short, siblings[:LISTED]))
            told = [*told, f"Beside `{short(holder)}.`, which is described here, there are: {beside}."]
        tensors = within
    return tensors, told


def _network(names: Iterable[str]) -> bool:
    """Whether names are of a network, rather than of one layer's tensors or of a sequence's layers."""
    firsts = {name.partition(".")[0] for name in names}
    return bool(firsts) and not firsts & LEAVES and not any(first.isdigit() for first in firsts)


def _values(name: str, tensor: Tensor) -> str:
    numbers = tensor.flatten()[:4].tolist()
    return f"{short(name)} is {', '.join(f'{number:.4g}' for number in numbers)}"


def _has(tensors: Iterable[str], word: str) -> bool:
    return any(name.startswith(f"{word}.") or (word in WITHIN and f".{word}." in name) for name in tensors)
