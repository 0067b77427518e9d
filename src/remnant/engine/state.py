"""What a long training keeps so that it goes on where it was killed: networks and optimisers, in one file."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import torch

from remnant.base.errors import RemnantError
from remnant.base.files import atomic_path

SAVE_EVERY_S = 60.0


class Stateful(Protocol):
    """A network or an optimiser."""

    def state_dict(self) -> Any: ...

    def load_state_dict(self, state: Any, /) -> Any: ...


def save_state(path: Path, parts: Mapping[str, Stateful], step: int) -> None:
    """Write all `parts` as they are after `step` steps, atomically."""
    # By a file of our own: by a path PyTorch says of a full disk no more than "unexpected pos".
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        torch.save({"step": step, **{name: part.state_dict() for name, part in parts.items()}}, file)


def load_state(path: Path, parts: Mapping[str, Stateful]) -> int:
    """Put what `save_state` wrote into `parts` and return how many steps they had done.

    Raises `RemnantError` when the file cannot be read or is of other networks; no code of it is ever executed.
    """
    try:
        kept = torch.load(path, map_location="cpu", weights_only=True)
        for name, part in parts.items():
            part.load_state_dict(kept[name])
        return int(kept["step"])
    except Exception as error:
        # What PyTorch raises on a spoilt file is not to be listed.
        problem = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise RemnantError(
            f"The state of training {path} cannot be read ({problem}); remove it to train from the beginning."
        ) from None
