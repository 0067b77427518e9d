"""The weights of a checkpoint, put into a network that somebody built: safely opened, matched by name, and all of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from remnant.base.errors import RemnantError, foreign
from remnant.base.texts import counted, short
from remnant.targets.names import strip_names
from remnant.targets.opening import open_checkpoint
from remnant.targets.sound import check_sound

# Counters of batches, which nothing reads in evaluation mode.
COUNTER = "num_batches_tracked"


@dataclass(frozen=True)
class Compared:
    """Tensors of a file held against a network: those `fitting` by the network's names, and in words or by name those of other
    shapes (`wrong`), those that the file has not (`missing`), and those that the network has not (`unknown`)."""

    fitting: dict[str, Tensor]
    wrong: list[str]
    missing: list[str]
    unknown: list[str]


def load_weights(module: nn.Module, path: Path) -> tuple[str, ...]:
    """Put the weights of the checkpoint `path` into `module`; what was found beside them is returned, a sentence each.

    Names are compared without what wrappers put before them. Raises `RemnantError` as `open_checkpoint` does, and where not
    every weight of the network is there with its shape, saying which and how many fit.
    """
    opened = open_checkpoint(path)
    check_sound(path, opened.tensors)
    own = module.state_dict()
    found = compared(module, opened.tensors)
    if found.wrong or found.missing:
        more = len(found.unknown)
        faults = [
            *([f"{len(found.wrong)} have other shapes ({found.wrong[0]})"] if found.wrong else []),
            *(
                [f"{len(found.missing)} are not in the file (such as {short(found.missing[0])})"]
                if found.missing
                else []
            ),
            *([f"{more} of the file are not in the network (such as {short(found.unknown[0])})"] if more else []),
        ]
        raise RemnantError(
            f"{path} is not of this network: {len(found.fitting)} of {len(own)} tensors fit, {', '.join(faults)}; mend build or "
            "its arguments, or give the checkpoint that belongs to it."
        )
    with torch.no_grad():
        module.load_state_dict({name: one.to(own[name].dtype) for name, one in found.fitting.items()}, strict=False)
    unknown = found.unknown
    beside = f"The file holds {counted(len(unknown), 'tensor')} that the network has not (such as {{}})."
    return (beside.format(short(unknown[0])),) if unknown else ()


def compared(module: nn.Module, tensors: Mapping[str, Tensor]) -> Compared:
    """Hold `tensors`, as `Opened` has them, against those of `module`, whose device does not matter."""
    own = module.state_dict()
    found = _compared(own, tensors)
    if (found.missing or found.wrong) and type(module).__module__.startswith("transformers."):
        return _compared(own, _by_transformers(module, tensors))
    return found


def _compared(own: Mapping[str, Tensor], tensors: Mapping[str, Tensor]) -> Compared:
    places = _stripped(own)
    placed = {places[name]: tensor for name, tensor in tensors.items() if name in places}
    fitting = {name: tensor for name, tensor in placed.items() if tensor.shape == own[name].shape}
    wrong = [
        f"{short(name)} is {tuple(tensor.shape)} in the file and {tuple(own[name].shape)} in the network"
        for name, tensor in placed.items()
        if name not in fitting
    ]
    missing = [name for name in own if name not in placed and not name.endswith(COUNTER)]
    unknown = [name for name in tensors if name not in places and not name.endswith(COUNTER)]
    return Compared(fitting, wrong, missing, unknown)


def _by_transformers(module: nn.Module, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors by the names of the module: Hugging Face's files have the names of older versions, and loading renames."""
    from transformers.utils import logging

    logging.disable_progress_bar()
    logging.set_verbosity_error()
    with foreign(Path("The checkpoint"), "is refused by Hugging Face", "write build() in target.py"):
        loaded, told = type(module).from_pretrained(  # type: ignore[attr-defined]
            None,
            config=module.config,
            state_dict=dict(tensors),
            output_loading_info=True,
            ignore_mismatched_sizes=True,
        )
    wrong = {name: torch.empty(theirs) for name, theirs, _ in told["mismatched_keys"]}
    lacking = {*told["missing_keys"], *wrong}
    unknown = {name: tensors[name] for name in told["unexpected_keys"] if name in tensors}
    return {name: one for name, one in loaded.state_dict().items() if name not in lacking} | wrong | unknown


def _stripped(own: Mapping[str, Tensor]) -> dict[str, str]:
    """The network's names by what is left of them without wrappers' prefixes."""
    marked = {name: torch.tensor(float(place)) for place, name in enumerate(own)}
    names = list(own)
    return {short_name: names[int(mark)] for short_name, mark in strip_names(marked)[0].items()}
