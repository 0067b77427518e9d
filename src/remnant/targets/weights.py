"""The weights of a checkpoint, put into a network that somebody built: safely opened, matched by name, and all of them."""

from pathlib import Path

import torch
from torch import Tensor, nn

from remnant.base.errors import RemnantError
from remnant.base.texts import counted, short
from remnant.targets.names import strip_names
from remnant.targets.opening import open_checkpoint
from remnant.targets.sound import check_sound

# Counters of batches, which nothing reads in evaluation mode.
COUNTER = "num_batches_tracked"


def load_weights(module: nn.Module, path: Path) -> tuple[str, ...]:
    """Put the weights of the checkpoint `path` into `module`; what was found beside them is returned, a sentence each.

    Names are compared without what wrappers put before them. Raises `RemnantError` as `open_checkpoint` does, and where not
    every weight of the network is there with its shape, saying which and how many fit.
    """
    opened = open_checkpoint(path)
    check_sound(path, opened.tensors)
    own = module.state_dict()
    places = _stripped(own)
    fitting = {places[name]: tensor for name, tensor in opened.tensors.items() if name in places}
    wrong = [
        f"{short(name)} is {tuple(tensor.shape)} in the file and {tuple(own[name].shape)} in the network"
        for name, tensor in fitting.items()
        if tensor.shape != own[name].shape
    ]
    missing = [name for name in own if name not in fitting and not name.endswith(COUNTER)]
    unknown = [name for name in opened.tensors if name not in places and not name.endswith(COUNTER)]
    if wrong or missing:
        faults = [
            *([f"{len(wrong)} have other shapes ({wrong[0]})"] if wrong else []),
            *([f"{len(missing)} are not in the file (such as {short(missing[0])})"] if missing else []),
            *([f"{len(unknown)} of the file are not in the network (such as {short(unknown[0])})"] if unknown else []),
        ]
        raise RemnantError(
            f"{path} is not of this network: {len(fitting) - len(wrong)} of {len(own)} weights fit, {', '.join(faults)}; mend "
            "build, or give the checkpoint that belongs to it."
        )
    with torch.no_grad():
        module.load_state_dict({name: tensor.to(own[name].dtype) for name, tensor in fitting.items()}, strict=False)
    beside = f"The file holds {counted(len(unknown), 'tensor', 'tensors')} that the network has not (such as {{}})."
    return (beside.format(short(unknown[0])),) if unknown else ()


def _stripped(own: dict[str, Tensor]) -> dict[str, str]:
    """The network's names by what is left of them without wrappers' prefixes."""
    marked = {name: torch.tensor(float(place)) for place, name in enumerate(own)}
    names = list(own)
    return {short_name: names[int(mark)] for short_name, mark in strip_names(marked)[0].items()}
