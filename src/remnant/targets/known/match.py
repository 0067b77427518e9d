"""A state_dict held against an architecture."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from remnant.base.texts import short

Layout = dict[str, tuple[int, ...]]
STATISTICS = ("running_mean", "running_var", "num_batches_tracked")


@dataclass(frozen=True)
class Match:
    """What the file would be, and how far it is that.

    `tensors` under the names of `layout`, which is what the whole architecture has; `arguments` build the network in
    Remnant, None where Remnant has no such network; `eps` of its LayerNorms where it is not the builder's; `hints`: sentences
    on what keeps it from being built.
    """

    architecture: str
    dialect: str
    task: str
    dimensions: int
    channels: int | None
    classes: int | None
    layout: Layout
    tensors: dict[str, Tensor]
    arguments: dict[str, Any] | None = None
    eps: float | None = None
    assumptions: tuple[str, ...] = ()
    normalisation: str = "BatchNorm"
    hints: tuple[str, ...] = ()
    missing: tuple[str, ...] = field(init=False)
    without_statistics: tuple[str, ...] = field(init=False)
    extra: tuple[str, ...] = field(init=False)
    misshapen: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        absent = [name for name in self.layout if name not in self.tensors]
        bare = [name for name in absent if name.endswith(STATISTICS[:2])]
        # Before PyTorch 0.4.1 nothing counted batches, so that counters may lack.
        object.__setattr__(self, "missing", tuple(name for name in absent if not name.endswith(STATISTICS)))
        object.__setattr__(self, "without_statistics", tuple(name.rpartition(".")[0] for name in bare[::2]))
        object.__setattr__(self, "extra", tuple(name for name in self.tensors if name not in self.layout))
        shapes = {name: tuple(tensor.shape) for name, tensor in self.tensors.items() if name in self.layout}
        wrong = (name for name, shape in shapes.items() if shape != self.layout[name])
        object.__setattr__(
            self, "misshapen", tuple(f"{name} is {shapes[name]} instead of {self.layout[name]}" for name in wrong)
        )

    @property
    def share(self) -> float:
        """Of the names in the file or in the architecture, the part that fits; statistics, which may lack, do not count."""
        names = [name for name in {*self.layout, *self.tensors} if not name.endswith(STATISTICS)]
        wrong = {*self.missing, *self.extra, *(text.partition(" ")[0] for text in self.misshapen)}
        return 1 - sum(name in wrong for name in names) / max(1, len(names))

    @property
    def whole(self) -> bool:
        """Whether every weight is there, of its shape, and no other; statistics may lack."""
        return not (self.missing or self.extra or self.misshapen)


def batch_norm(name: str, width: int) -> Layout:
    """The tensors of a BatchNorm layer."""
    sizes = dict.fromkeys((f"{name}.weight", f"{name}.bias", f"{name}.running_mean", f"{name}.running_var"), (width,))
    return sizes | {f"{name}.num_batches_tracked": ()}


def layer(name: str, *weight: int) -> Layout:
    """The tensors of a layer with bias: `weight` (outputs, ...) and as many biases as outputs."""
    return {f"{name}.weight": weight, f"{name}.bias": weight[:1]}


def renamed(tensors: dict[str, Tensor], rules: Sequence[tuple[str, str]]) -> dict[str, Tensor]:
    """The tensors with every rule, a pattern and its replacement, applied to their names in turn."""
    result = {}
    for name, tensor in tensors.items():
        new = name
        for pattern, replacement in rules:
            new = re.sub(pattern, replacement, new)
        # A name that is taken stays: it is then an extra one.
        result[new if new not in result else name] = tensor
    return result


def single_head(tensors: dict[str, Tensor], name: str) -> tuple[dict[str, Tensor], int | None, tuple[str, ...]]:
    """The tensors with the head under `name` itself, also where it stands behind a dropout; its classes; and a hint.

    A head of several layers stays under its own names, and the hint says so.
    """
    own = re.compile(rf"{name}(?:\.\w+)*\.weight")
    layers = [key for key, tensor in tensors.items() if own.fullmatch(key) and tensor.ndim == 2]
    if len(layers) > 1:
        shown = " and ".join(short(key.removesuffix(".weight")) for key in (layers[0], layers[-1]))
        hint = f"Its head has {len(layers)} layers ({shown}), where Remnant builds a single linear one."
        return tensors, tensors[layers[-1]].shape[0], (hint,)
    tensors = renamed(tensors, [(rf"^{name}\.\d\.", f"{name}.")])
    head = tensors.get(f"{name}.weight")
    return tensors, head.shape[0] if head is not None and head.ndim == 2 else None, ()


def count(names: Iterable[str], pattern: str) -> int:
    """How many consecutive numbers, from the first, stand where `pattern` has its group."""
    found = {int(match[1]) for name in names if (match := re.match(pattern, name)) and len(match[1]) < 6}
    first = min(found, default=0)
    return next(index for index in range(len(found) + 1) if index + first not in found)
