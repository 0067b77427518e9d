"""Checkpoints of Remnant's own networks: safetensors, with a JSON description of how to build the module."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import safetensors.torch
from safetensors import SafetensorError, safe_open
from torch import nn

from remnant.base.errors import RemnantError, foreign
from remnant.base.files import atomic_path
from remnant.nets.classifiers import build_classifier
from remnant.nets.segmenter import Segmenter

# What builds each class again from the arguments in a header.
MODULES: dict[str, Callable[..., nn.Module]] = {
    "Segmenter": Segmenter,
    **dict.fromkeys(("ResNet", "DenseNet", "ViT"), build_classifier),
}


def save_checkpoint(path: Path, model: nn.Module, arguments: dict[str, Any], **notes: str) -> None:
    """Write the weights of `model`, with its class and the `arguments` that build it in the header, atomically.

    `notes` are words beside them in the header, which building the network does not need.
    """
    description = json.dumps({"module": type(model).__name__, "arguments": arguments, **notes})
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    with atomic_path(path) as temporary:
        # Bytes first: safetensors reports a full disk as an error of its own, which says nothing of the cause.
        temporary.write_bytes(safetensors.torch.save(tensors, metadata={"remnant": description}))


def load_checkpoint(path: Path, modules: Mapping[str, Callable[..., nn.Module]] = MODULES) -> nn.Module:
    """The module that `save_checkpoint` wrote, one of `modules`, in evaluation mode. No code of the file is ever executed.

    Raises `RemnantError` when the file is missing, is not safetensors, was not written by Remnant, names a module that
    is not among `modules`, or holds weights that do not fit the description.
    """
    description = read_header(path)
    try:
        model = modules[description["module"]](**description["arguments"])
        model.load_state_dict(safetensors.torch.load_file(path))
    except SafetensorError as error:
        raise _not_whole(path, error) from None
    except (KeyError, TypeError, ValueError):
        raise _not_ours(path) from None
    except RuntimeError as error:
        problem = str(error).splitlines()[-1].strip()
        raise RemnantError(f"The weights in {path} do not fit their description ({problem}); train it again.") from None
    return model.eval()


def is_of_remnant(path: Path) -> bool:
    """Whether Remnant wrote the file; what it saved as a plain `state_dict`, as others do, does not say so."""
    try:
        read_header(path)
    except RemnantError:
        return False
    return True


def read_header(path: Path) -> dict[str, Any]:
    """What `save_checkpoint` wrote into the header: `module`, `arguments` and the notes.

    Raises `RemnantError` when the file is missing, may not be read, is not safetensors or was not written by Remnant.
    """
    if not Path(path).is_file():
        raise RemnantError(f"The checkpoint {path} does not exist; check the path.")
    # Of a file that may not be read safetensors says that it does not exist.
    with foreign(path, "cannot be read", "check your rights to it"):
        Path(path).open("rb").close()
    try:
        with safe_open(path, framework="pt") as file:
            header = json.loads((file.metadata() or {})["remnant"])
    except SafetensorError as error:
        raise _not_whole(path, error) from None
    except (KeyError, ValueError):
        raise _not_ours(path) from None
    if not isinstance(header, dict):
        raise _not_ours(path)
    return header


def _not_whole(path: Path, error: SafetensorError) -> RemnantError:
    return RemnantError(f"{path} is not a whole safetensors file ({error}); train or copy it again.")


def _not_ours(path: Path) -> RemnantError:
    return RemnantError(f"{path} does not describe a network of Remnant; give a checkpoint that Remnant wrote.")
