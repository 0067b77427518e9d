"""Weights that a target starts from: somebody else's checkpoint of the same architecture."""

from pathlib import Path

from torch import Tensor, nn

from remnant.base.errors import RemnantError
from remnant.targets.features import last_linear
from remnant.targets.opening import open_checkpoint
from remnant.targets.recognise import find_match
from remnant.targets.statistics import fault_of


def load_initial(model: nn.Module, path: Path) -> bool:
    """Give `model` the weights in `path`, in whatever library's names; True when its head came along.

    A head of other classes is left as the model has it. No code of the file is executed. Raises `RemnantError` as
    `open_checkpoint` does, and when the file holds another architecture, size or number of channels.
    """
    match, _ = find_match(open_checkpoint(path))
    if match is None:
        raise RemnantError(f"The architecture of {path} is unknown; give a checkpoint of the target's own network.")
    if fault := fault_of(match.tensors):
        raise RemnantError(f"The weights in {path} {fault}.")
    head, own = last_linear(model), model.state_dict()
    # A dropout before the head changes its name, not what it is.
    theirs = {
        (f"{head}.{name.rpartition('.')[2]}" if name.startswith(f"{head.removesuffix('.1')}.") else name): tensor
        for name, tensor in match.tensors.items()
    }
    kept = _head(theirs, own, head)
    given = {name: tensor for name, tensor in theirs.items() if kept or not name.startswith(f"{head}.")}
    wanted = {
        name for name in own if (kept or not name.startswith(f"{head}.")) and not name.endswith("batches_tracked")
    }
    wrong = [
        name for name in sorted(wanted | set(given)) if name in wanted and _shape(given, name) != _shape(own, name)
    ]
    wrong += sorted(name for name in given if name not in own)
    if wrong:
        raise RemnantError(
            f"{path} holds a {match.architecture} that does not fit the target: {wrong[0]} is "
            f"{_shape(given, wrong[0])} and should be {_shape(own, wrong[0])}; give weights of the same network, input size "
            "and number of channels."
        )
    model.load_state_dict(given, strict=False)
    return kept


def _head(theirs: dict[str, Tensor], own: dict[str, Tensor], head: str) -> bool:
    return all(_shape(theirs, f"{head}.{part}") == _shape(own, f"{head}.{part}") for part in ("weight", "bias"))


def _shape(tensors: dict[str, Tensor], name: str) -> tuple[int, ...] | None:
    return tuple(tensors[name].shape) if name in tensors else None
