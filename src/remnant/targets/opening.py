"""Open a stranger's checkpoint: the tensors of one network under its own names, and what stands beside them.

A file is known by its content. A pickle is first read as data, without importing anything (`targets.files`), and only one
that names and shapes weights is handed to `torch.load(weights_only=True)`.
"""

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from remnant.base.errors import RemnantError
from remnant.targets.files.archive import check_archive
from remnant.targets.files.flat import read_safetensors
from remnant.targets.files.kind import kind_of_file
from remnant.targets.files.legacy import check_legacy
from remnant.targets.files.safe_torch import require_safe_torch
from remnant.targets.metadata import Optimizer, Plain, plain_metadata, read_optimizer
from remnant.targets.names import strip_names

FORMATS = {"zip": "PyTorch", "pickle": "PyTorch before 1.6", "safetensors": "safetensors"}
# Where trainers keep the weights. What was trained comes before its running average.
WRAPPERS = (
    *("state_dict", "model_state_dict", "model_state", "model", "net", "network", "weights", "params", "module"),
    *("ema", "model_ema", "ema_model", "state_dict_ema", "ema_state_dict", "params_ema", "teacher"),
)
OPTIMIZERS = ("optim", "scheduler", "scaler")
LEVELS = 4


@dataclass(frozen=True)
class Opened:
    """`tensors` by the network's own names, mapped from the file where the format allows; read-only by agreement.

    `format` in words; `wrapper`: where in the file they were, dotted, or ""; `metadata`: everything else, plain and safe to
    print; `optimizer`: its state if the file holds it; `header`: Remnant's own description of its network; `findings`: sentences.
    """

    path: Path
    format: str
    tensors: dict[str, Tensor]
    metadata: dict[str, Plain]
    wrapper: str = ""
    optimizer: Optimizer | None = None
    header: str | None = None
    findings: tuple[str, ...] = ()


def open_checkpoint(path: Path) -> Opened:
    """The weights in `path`, a .pt, .pth, .ckpt or .safetensors file, whatever it is called; no code of it is executed.

    Raises `RemnantError`, with one sentence, for a file that is missing, cut off, of another kind, that would run code, that
    is made to exhaust memory or time, or that holds no weights; and where PyTorch itself is too old to be safe.
    """
    require_safe_torch()
    path = Path(path)
    kind = kind_of_file(path)
    if kind == "safetensors":
        tensors, header = read_safetensors(path)
        described = header.pop("remnant", None)
        wrapper, rest, findings, optimizer = "", header, [], None
    else:
        (check_archive if kind == "zip" else check_legacy)(path)
        wrapper, found, rest, optimizer = _weights(path, _load(path, kind))
        tensors, findings = _tensors(found)
        described = None
    if not tensors:
        raise RemnantError(f"{path} holds no weights; give a file with the state_dict of a network.")
    try:
        tensors, told = strip_names(tensors)
    except RemnantError as error:
        raise RemnantError(f"{path}: {error}") from None
    metadata, telling = plain_metadata(rest)
    if optimizer and optimizer.moments:
        findings.append(
            f"The optimiser's state is in the file ({optimizer.kind}): running averages of gradients, which are functions of "
            "the last training images; save the weights alone before you release them."
        )
    return Opened(path, FORMATS[kind], tensors, metadata, wrapper, optimizer, described, (*told, *findings, *telling))


def _load(path: Path, kind: str) -> Any:
    try:
        with warnings.catch_warnings():
            # Of pickle protocols and quantised storages, to PyTorch's developers.
            warnings.simplefilter("ignore")
            # A path that ends in .safetensors, torch.load would take for one.
            if kind == "zip" and path.suffix != ".safetensors":
                return torch.load(path, map_location="cpu", weights_only=True, mmap=True)
            with path.open("rb") as file:
                return torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:
        # What PyTorch raises on a made-up file is not to be listed; the file is what is wrong.
        words = str(error).strip().splitlines() or [type(error).__name__]
        raise RemnantError(f"{path} cannot be read by PyTorch ({words[0][:200]}); copy or download it again.") from None


def _weights(path: Path, loaded: Any) -> tuple[str, dict[Any, Any], dict[str, Any], Optimizer | None]:
    """Where the weights are, the mapping that holds them, the rest, and the first optimiser's state."""
    if isinstance(loaded, Tensor):
        raise RemnantError(
            f"{path} holds a single tensor of shape {tuple(loaded.shape)}, not the state_dict of a network."
        )
    if not isinstance(loaded, dict):
        raise RemnantError(f"{path} holds a {type(loaded).__name__}, not the state_dict of a network.")
    found = _mappings(loaded)
    name = min(found, key=lambda name: (_rank(name), -sum(map(_numel, found[name].values()))), default="")
    others = [other for other in found if other and other != name]
    weights = {id(mapping) for other, mapping in found.items() if other}
    optimizers: list[Optimizer] = []
    beside = _beside(loaded, weights, optimizers, set())
    if not name:
        beside = {key: value for key, value in beside.items() if not isinstance(value, Tensor)}
    beside |= {"other weights": others} if others else {}
    return name, found.get(name, {}), beside, optimizers[0] if optimizers else None


def _beside(mapping: dict[Any, Any], weights: set[int], optimizers: list[Optimizer], seen: set[int]) -> dict[str, Any]:
    """What is neither weights nor an optimiser's state, which goes to `optimizers`; each mapping once."""
    seen.add(id(mapping))
    rest: dict[str, Any] = {}
    for key, value in mapping.items():
        if id(value) in weights or id(value) in seen:
            continue
        states = [
            state for state in map(read_optimizer, value if isinstance(value, (list, tuple)) else [value]) if state
        ]
        optimizers += states
        if not states:
            rest[str(key)] = _beside(value, weights, optimizers, seen) if isinstance(value, dict) else value
    return rest


def _mappings(loaded: dict[Any, Any]) -> dict[str, dict[Any, Any]]:
    """Every mapping that holds tensors itself, by its dotted place; what optimisers and schedulers hold is none."""
    found: dict[str, dict[Any, Any]] = {}
    seen: set[int] = set()
    level: list[tuple[str, dict[Any, Any]]] = [("", loaded)]
    for _ in range(LEVELS):
        below = []
        for name, mapping in level:
            if id(mapping) in seen:
                continue
            seen.add(id(mapping))
            if "param_groups" in mapping and "state" in mapping:
                continue
            if _is_state(mapping, name):
                found[name] = mapping
            below += [
                (f"{name}.{key}" if name else str(key), value)
                for key, value in mapping.items()
                if isinstance(value, dict) and not str(key).lower().startswith(OPTIMIZERS)
            ]
        level = below
    return found


def _is_state(mapping: dict[Any, Any], name: str) -> bool:
    """Whether it holds weights: tensors mostly, not hyper-parameters of which one is a tensor."""
    tensors = sum(isinstance(key, str) and isinstance(value, Tensor) for key, value in mapping.items())
    return 2 * tensors > len(mapping) or (
        tensors > 0 and not name and not any(isinstance(one, dict) for one in mapping.values())
    )


def _rank(name: str) -> int:
    """Known places first, in their order; then the nearest to the top."""
    first = name.partition(".")[0]
    if first in WRAPPERS:
        return WRAPPERS.index(first)
    return len(WRAPPERS) + (name.count(".") if name else 0)


def _numel(value: Any) -> int:
    return value.numel() if isinstance(value, Tensor) else 0


def _tensors(mapping: dict[Any, Any]) -> tuple[dict[str, Tensor], list[str]]:
    tensors = {key: value for key, value in mapping.items() if isinstance(key, str) and isinstance(value, Tensor)}
    others = [key for key, value in mapping.items() if not (isinstance(key, str) and isinstance(value, (Tensor, dict)))]
    if not others:
        return tensors, []
    names = ", ".join(ascii(str(key)[:60])[1:-1] for key in others[:3])
    return tensors, [f"{len(others)} entries among the weights are no tensors, and were left out (e.g. {names})."]
