"""A module as Python hands it over: taken out of what wraps it, named by its weights, trained anew, and left as it was."""

import contextlib
import hashlib
import inspect
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from safetensors.torch import save
from torch import Tensor, nn

from remnant.audit.owner.training import Training, checked_training
from remnant.audit.owner.user import seed_libraries
from remnant.base.errors import RemnantError
from remnant.base.seeds import Seeds
from remnant.base.texts import short
from remnant.targets.audited import Audited


def module_of(model: Any) -> nn.Module:
    """The network itself, of which copies can be trained: what torch.compile and data parallelism wrap.

    Raises `RemnantError` for what is no module, and for one that is TorchScript or whose state is not of tensors alone.
    """
    if not isinstance(model, nn.Module):
        raise RemnantError(f"The model is a {type(model).__name__}; give the torch.nn.Module.")
    if isinstance(model, nn.DataParallel | nn.parallel.DistributedDataParallel):
        return module_of(model.module)
    if isinstance(compiled := getattr(model, "_orig_mod", None), nn.Module):
        return module_of(compiled)
    if isinstance(model, torch.jit.RecursiveScriptModule):
        raise RemnantError(
            f"The model is {short(model.original_name)} as TorchScript, whose layers cannot be read; give the module that it was "
            "made of."
        )
    for name, value in model.state_dict().items():
        if not isinstance(value, Tensor):
            raise RemnantError(
                f"The model's state holds {short(name)!r}, which is no tensor, as where a network was quantised; give the "
                "network from before."
            )
    return model


def digest_of(module: nn.Module) -> str:
    """SHA-256 of the file that `safetensors.torch.save_file(module.state_dict(), path)` writes: of every tensor, names in the
    order that safetensors gives them, which is not that of the module."""
    # A copy each: safetensors writes no tensor twice, and networks tie theirs.
    state = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in module.state_dict().items()}
    return hashlib.sha256(save(state)).hexdigest()


@contextlib.contextmanager
def left_as_it_was(model: nn.Module) -> Iterator[None]:
    """The model in evaluation mode and without gradients; afterwards each of its modules and weights as it was, and so the
    generators that libraries share, which a training draws on."""
    training = {module: module.training for module in model.modules()}
    gradients = {weight: weight.requires_grad for weight in model.parameters()}
    drawn = random.getstate(), np.random.get_state()
    try:
        model.eval()
        for weight in gradients:
            weight.requires_grad_(False)
        with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
            yield
    finally:
        for module, was in training.items():
            module.training = was
        for weight, was in gradients.items():
            weight.requires_grad_(was)
        random.setstate(drawn[0])
        np.random.set_state(drawn[1])


def training_of(
    train: Callable[..., Any],
    build: Callable[[], nn.Module],
    items: Sequence[Mapping[str, Any]],
    target: Audited,
    patients: Sequence[str],
) -> Training:
    """The owner's training of the networks that `build()` gives, on the device of the target, in this process.

    What either raises is its owner's to see; `RemnantError` for what does not serve.
    """

    if not callable(build) or isinstance(build, nn.Module):
        raise RemnantError(f"build is a {type(build).__name__}; give a function that makes a new network at each call.")

    def fresh(seeds: Seeds) -> nn.Module:
        seed_libraries(seeds)
        module = build()
        if not isinstance(module, nn.Module):
            raise RemnantError(f"build() gives a {type(module).__name__}; return the torch.nn.Module.")
        return module_of(module).to(target.device)

    return checked_training(Training(train, fresh, items, patients, None, _code(train, build)), target)


def _code(*functions: Callable[..., Any]) -> str:
    """SHA-256 of what is written of the functions, where that can be read; not of what they call."""
    digest = hashlib.sha256()
    for function in functions:
        # Of one that was built in, partially applied or typed into a console nothing is.
        with contextlib.suppress(OSError, TypeError):
            digest.update(inspect.getsource(function).encode())
    return digest.hexdigest()
