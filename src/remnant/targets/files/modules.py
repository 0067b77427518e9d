"""A pickled `torch.nn.Module`, as its attributes, and the state_dict that it would have."""

from typing import Any

from torch import Tensor

PARTS = ("_parameters", "_buffers", "_modules")


def is_module(value: Any) -> bool:
    """Whether these are the attributes of a module."""
    return isinstance(value, dict) and all(isinstance(value.get(part), dict) for part in PARTS)


def state_of(module: dict[Any, Any]) -> dict[str, Tensor]:
    """The module's tensors by the names that its state_dict would give them, those of its modules too."""
    state: dict[str, Tensor] = {}
    seen: set[int] = set()
    stack: list[tuple[str, dict[Any, Any]]] = [("", module)]
    while stack:
        prefix, one = stack.pop()
        # A module may hold itself; one that stands twice is told once.
        if id(one) in seen:
            continue
        seen.add(id(one))
        left_out = one.get("_non_persistent_buffers_set", ())
        state |= {
            f"{prefix}{name}": tensor
            for part in PARTS[:2]
            for name, tensor in one[part].items()
            if isinstance(tensor, Tensor) and name not in left_out
        }
        stack += [(f"{prefix}{name}.", below) for name, below in reversed(one["_modules"].items()) if is_module(below)]
    return state
