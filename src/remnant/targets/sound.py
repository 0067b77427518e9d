"""Weights that no attack can be run on, whatever the architecture."""

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from remnant.base.errors import RemnantError
from remnant.base.texts import counted
from remnant.targets.statistics import not_finite


def check_sound(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """Raise `RemnantError` for weights that are complex, NaN or infinite, all zero, or with variances below zero."""
    if wrong := next((name for name, tensor in tensors.items() if tensor.is_complex()), None):
        raise RemnantError(f"{path} holds complex numbers ({wrong}), which no classifier of images has; save it anew.")
    if broken := not_finite(dict(tensors)):
        raise RemnantError(
            f"{path} holds NaN or infinity in {counted(len(broken), 'tensor')} ({broken[0]}), so that it answers nothing; "
            "give the checkpoint from before its training broke down."
        )
    matrices = [tensor for name, tensor in tensors.items() if name.endswith("weight") and tensor.ndim > 1]
    if matrices and not any(bool(tensor.bool().any()) for tensor in matrices):
        raise RemnantError(f"Every weight in {path} is zero, so that it answers nothing; give the trained checkpoint.")
    for name, tensor in tensors.items():
        if name.endswith("running_var") and bool((tensor < 0).any()):
            raise RemnantError(
                f"{path} stores a variance below zero ({name}), which no training leaves; copy or export it again."
            )
