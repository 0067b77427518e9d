"""The steps that PyTorch's optimisers take in somebody's code: counted, and ended after so many."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from torch.optim.optimizer import register_optimizer_step_post_hook


class StepsDoneError(BaseException):
    """So many steps are taken: no error of the owner's code, which it therefore does not catch."""


@dataclass
class Steps:
    """How many were `taken`."""

    taken: int = 0


@contextlib.contextmanager
def counted_steps(most: int | None = None) -> Iterator[Steps]:
    """Count the steps of all optimisers of PyTorch in the body, and raise `StepsDoneError` in it after `most`, None for never."""
    steps = Steps()

    def step(*_: Any) -> None:
        steps.taken += 1
        if steps.taken == most:
            raise StepsDoneError

    hook = register_optimizer_step_post_hook(step)
    try:
        yield steps
    finally:
        hook.remove()
