"""Open a stranger's checkpoint: the tensors of one network under its own names, and what stands beside them.

A file is known by its content. A pickle is read as data, without importing anything (`targets.files`): its tensors are
mapped from the file, and whatever it would import or call if it were loaded otherwise is a finding.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from remnant.base.errors import RemnantError
from remnant.base.texts import counted, short
from remnant.targets.files.allowed import named, refused_names
from remnant.targets.files.archive import read_archive
from remnant.targets.files.flat import read_safetensors
from remnant.targets.files.kind import kind_of_file
from remnant.targets.files.legacy import read_legacy
from remnant.targets.files.modules import is_module, state_of
from remnant.targets.files.safe_torch import require_safe_torch
from remnant.targets.files.stored import MOST
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
SEVERAL = 8  # optimisers in a list
NAME = 1000  # characters of a tensor's name; torchvision's longest has 60


@dataclass(frozen=True)
class Opened:
    """`tensors` by the network's own names, mapped from the file where the format allows; read-only by agreement.

    `format` in words; `wrapper`: where in the file they were, dotted, or ""; `metadata`: everything else, plain and safe to
    print; `optimizer`: its state if the file holds it; `header`: Remnant's own description of its network; `findings`: sentences,
    of which `telling` are about training data and people.
    """

    path: Path
    format: str
    tensors: dict[str, Tensor]
    metadata: dict[str, Plain]
    wrapper: str = ""
    optimizer: Optimizer | None = None
    header: str | None = None
    findings: tuple[str, ...] = ()
    telling: tuple[str, ...] = ()


def open_checkpoint(path: Path) -> Opened:
    """The weights in `path`, a .pt, .pth, .ckpt or .safetensors file, whatever it is called; no code of it is executed.

    Raises `RemnantError`, with one sentence, for a file that is missing, cut off, of another kind, that
    is made to exhaust memory or time, or that holds no weights; and where PyTorch itself is too old to be safe.
    """
    require_safe_torch()
    path = Path(path)
    kind = kind_of_file(path)
    if kind == "safetensors":
        tensors, header = read_safetensors(path)
        described = header.pop("remnant", None)
        wrapper, rest, findings, optimizer, others = "", header, [], None, []
    else:
        value, imports = (read_archive if kind == "zip" else read_legacy)(path)
        others = refused_names(imports)
        wrapper, found, rest, optimizer = _weights(path, value, others)
        tensors, findings = _tensors(found)
        findings += [_code(others)] if others else []
        described = None
    if not tensors:
        raise _no_weights(path, "no weights", others)
    if len(tensors) > MOST:
        raise RemnantError(f"{path} names more than {MOST:,} tensors, far more than a network of images has.")
    if any(len(name) > NAME for name in tensors):
        raise RemnantError(
            f"{path} names a tensor by more than {NAME:,} characters, as no network does; it is made to harm."
        )
    try:
        tensors, told = strip_names(tensors)
    except RemnantError as error:
        raise RemnantError(f"{path}: {error}") from None
    metadata, telling = plain_metadata(rest)
    if optimizer and optimizer.moments:
        telling.insert(
            0,
            f"The optimiser's state is in the file ({optimizer.kind}): running averages of gradients, which are functions of "
            "the last training images; save the weights alone before you release them.",
        )
    findings = (*told, *findings, *telling)
    return Opened(path, FORMATS[kind], tensors, metadata, wrapper, optimizer, described, findings, tuple(telling))


def _code(names: list[str]) -> str:
    return (
        f"Loaded without weights_only, this pickle would import {named(names)} and may run their code, of which none was run "
        "here: load it only where you trust its source."
    )


def _no_weights(path: Path, what: str, names: list[str]) -> RemnantError:
    if names:
        return RemnantError(
            f"{path} holds {what}, and would run code if it were loaded ({named(names)}); nothing was executed: "
            "ask for the weights alone, as safetensors or as a state_dict."
        )
    return RemnantError(f"{path} holds {what}; give a file with the state_dict of a network.")


def _weights(path: Path, loaded: Any, code: list[str]) -> tuple[str, dict[Any, Any], dict[str, Any], Optimizer | None]:
    """Where the weights are, the mapping that holds them, the rest, and the first optimiser's state."""
    if isinstance(loaded, Tensor):
        raise _no_weights(path, f"a single tensor of shape {tuple(loaded.shape)}", code)
    if not isinstance(loaded, dict):
        raise _no_weights(path, f"a {type(loaded).__name__}", code)
    places = weights_in(loaded)
    found = {name: state_of(mapping) if is_module(mapping) else mapping for name, mapping in places.items()}
    name = min(found, key=lambda name: (_rank(name), -sum(map(_numel, found[name].values()))), default="")
    others = [other for other in found if other and other != name]
    weights = {id(mapping) for other, mapping in places.items() if other}
    optimizers: list[Optimizer] = []
    beside = {} if is_module(loaded) else _beside(loaded, weights, optimizers, set())
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
        if states := _optimizers(value):
            optimizers += states
            seen.add(id(value))
        else:
            rest[str(key)] = _beside(value, weights, optimizers, seen) if isinstance(value, dict) else value
    return rest


def _optimizers(value: Any) -> list[Optimizer]:
    """The state of an optimiser, or of a list of some, as trainers of several networks have them."""
    if isinstance(value, (list, tuple)):
        return [state for state in map(read_optimizer, value[:SEVERAL]) if state]
    state = read_optimizer(value)
    return [state] if state else []


def weights_in(loaded: dict[Any, Any]) -> dict[str, dict[Any, Any]]:
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
            if is_module(mapping):
                found[name] = mapping
                continue
            if _is_state(mapping, name):
                found[name] = mapping
            below += [
                (f"{name}.{short(key)}" if name else short(key), value)
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
    names = ", ".join(map(short, others[:3]))
    what = counted(len(others), "entry among the weights is no tensor", "entries among the weights are no tensors")
    return tensors, [f"{what}, and left out (e.g. {names})."]
