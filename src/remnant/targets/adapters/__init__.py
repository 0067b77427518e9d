"""Folders that a framework's training leaves behind, as targets: what trained, on whom, and how its scans are prepared."""

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

from remnant.base.results import Value

if TYPE_CHECKING:
    from remnant.cohort.images import Images
    from remnant.targets.audited import Audited

# A framework is a module here, an `Adapter`, and a line. Its libraries are imported when a folder of its is read, not before.
ADAPTERS = ("nnunet",)


@dataclass(frozen=True)
class Trained:
    """The models of a cross-validation, called `names`, and the `images` of all its cases as they take them.

    `held_out` (n): the place of the one model that did not train on an image's case. `about`: of the network, for the decision
    sheet; `notes`: what was assumed, a sentence each; `checkpoints`: SHA-256 by name.
    """

    models: "tuple[Audited, ...]"
    names: tuple[str, ...]
    images: "Images"
    held_out: tuple[int, ...]
    about: Mapping[str, Value]
    notes: tuple[str, ...] = ()
    checkpoints: Mapping[str, str] = field(default_factory=dict)


class Adapter(Protocol):
    """A module of this package."""

    def recognises(self, folder: Path) -> bool:
        """Whether the folder is one of this framework's; quick, and without its libraries."""

    def faults(self, folder: Path, data: Path | None, splits: Path | None, fold: int | None = None) -> list[str]:
        """All that is wrong, a sentence each, as far as it can be told in no time: without PyTorch and its own libraries."""

    def read(self, folder: Path, data: Path | None, splits: Path | None, tell: Callable[[str], None]) -> Trained:
        """All of it, `tell` saying what takes long. Raises `RemnantError` with one sentence for what does not fit."""


def no_fold(fold: int, names: Sequence[str]) -> str:
    """The sentence for a `fold` that is none of those there are."""
    return f"There is no fold {fold} among {', '.join(names)}; give one of these."


def adapter_of(folder: Path) -> Adapter | None:
    """The framework whose folder this is, None for nobody's."""
    for name in ADAPTERS:
        module = cast(Adapter, importlib.import_module(f"{__name__}.{name}"))
        if module.recognises(folder):
            return module
    return None
