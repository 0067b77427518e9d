"""The layers of a network in the order in which they run, and the place where the least of an image is left."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from remnant.base.errors import RemnantError

# Layers whose weights a gradient is taken of; those of norms are few and say little.
WEIGHED = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose2d, nn.ConvTranspose3d)


@dataclass(frozen=True)
class Ran:
    """One layer that ran: its `name`, the `values` that it gave of one image, and whether it is one of `WEIGHED`."""

    name: str
    values: int
    weighed: bool


@dataclass(frozen=True)
class LayersRun:
    """The layers without layers in them, in the order in which they ran."""

    layers: tuple[Ran, ...]

    def last_weighed(self) -> str | None:
        """The name of the last layer with weights: a classifier's head; None where there is none."""
        return next((layer.name for layer in reversed(self.layers) if layer.weighed), None)

    def narrowest(self) -> str:
        """The name of the layer before the last one with weights that gives the fewest values; of several the last.

        Raises `RemnantError` for a network of a single layer.
        """
        last = self.last_weighed()
        names = [layer.name for layer in self.layers]
        before = self.layers[: names.index(last)] if last else self.layers
        if not before:
            raise RemnantError("The network has a single layer, and so no latents; leave out the scenario of latents.")
        return min(reversed(before), key=lambda layer: layer.values).name


def layers_run(network: nn.Module, batch: Tensor, forward: Callable[[Tensor], object] | None = None) -> LayersRun:
    """Run `batch` (n, channels, *spatial) through the network, as it is, and note which layers run; by `forward`, where it
    does not take such a batch whole."""
    found: list[Ran] = []

    def noting(name: str) -> Callable[..., None]:
        def note(module: nn.Module, inputs: tuple, output: object) -> None:
            if isinstance(output, Tensor) and output.dim():
                found.append(Ran(name, math.prod(output.shape[1:]), isinstance(module, WEIGHED)))

        return note

    leaves = [(name, module) for name, module in network.named_modules() if not any(module.children())]
    handles = [module.register_forward_hook(noting(name)) for name, module in leaves]
    try:
        with torch.no_grad():
            (forward or network)(batch)
    finally:
        for handle in handles:
            handle.remove()
    return LayersRun(tuple(found))


class _ReachedError(Exception):
    """The module has answered; nothing behind it is computed."""


def run_to(network: nn.Module, name: str, batch: Tensor, *, before: bool = False) -> Tensor:
    """What the module `name` gives for `batch`, or is given where `before`; nothing behind it is computed.

    Raises `RemnantError` for a module that the network has not, or that does not run.
    """
    found: list[Tensor] = []

    def keep(module: nn.Module, inputs: tuple, output: Any = None) -> None:
        given = inputs if before else (output,) if isinstance(output, Tensor) else output
        found.append(next(one for one in given if isinstance(one, Tensor)))
        raise _ReachedError

    try:
        module = network.get_submodule(name)
    except AttributeError:
        names = [one for one, _ in network.named_modules() if one]
        has = ", ".join(names[:12]) + (", ..." if len(names) > 12 else "")
        raise RemnantError(f"The network has no module {name!r}; it has {has}. Mend latents in [target].") from None
    handle = module.register_forward_pre_hook(keep) if before else module.register_forward_hook(keep)
    try:
        network(batch)
    except _ReachedError:
        pass
    finally:
        handle.remove()
    if not found:
        raise RemnantError(f"The module {name!r} does not run on the way to the answer; mend latents in [target].")
    return found[0]
