"""What a checkpoint tells, as data."""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, is_dataclass, replace
from typing import Any

from remnant.base.texts import printable
from remnant.targets.metadata import Optimizer, Plain


@dataclass(frozen=True)
class Statistics:
    """What normalisation layers remember of the training images.

    `kind`; `layers` with stored running means and variances, of which `untouched` are as they began (mean 0, variance 1)
    and `removed` ought to be there; `steps`: batches that were counted, None where nothing counted; `momentum`: a sentence.
    """

    kind: str
    layers: int
    untouched: int
    removed: int
    steps: int | None
    momentum: str | None


@dataclass(frozen=True)
class Applies:
    """Whether one of Remnant's attacks can be run on the checkpoint, and why, or why not."""

    attack: str
    applies: bool
    why: str


@dataclass(frozen=True)
class Layer:
    """A module by its name, `kind` as far as names and shapes tell, its tensors' shapes, and its `parameters`."""

    name: str
    kind: str
    shapes: dict[str, tuple[int, ...]]
    parameters: int


@dataclass(frozen=True)
class Description:
    """All that an attacker reads off a checkpoint without running it; every field is plain, and every text fit to be said.

    `architecture`, `dialect`, `task`, `arguments` are None where it is unknown; `nearest` then names the known one that is
    most like it. `parameters` are trained numbers, `buffers` others. `dtypes`: tensors of each type. `findings` and
    `assumptions` are sentences; `advice` is what to do with an unknown architecture.
    """

    file: str
    bytes: int
    format: str
    wrapper: str
    architecture: str | None
    dialect: str | None
    task: str | None
    dimensions: int | None
    channels: int | None
    classes: int | None
    arguments: dict[str, Any] | None
    parameters: int
    buffers: int
    dtypes: dict[str, int]
    statistics: Statistics
    assumptions: tuple[str, ...]
    attacks: tuple[Applies, ...]
    optimizer: Optimizer | None
    metadata: dict[str, Plain]
    findings: tuple[str, ...]
    layers: tuple[Layer, ...]
    nearest: str | None = None
    advice: str | None = None

    def __post_init__(self) -> None:
        # Names, keys and texts are a stranger's; here they become words.
        for field in fields(self):
            object.__setattr__(self, field.name, _said(getattr(self, field.name)))


def as_json(description: Description, beside: Mapping[str, Any] | None = None) -> str:
    """The description as JSON, with what stands `beside` it; NaN and infinity become null, since JSON has none."""
    return json.dumps(_plain({**asdict(description), **(beside or {})}), indent=1, allow_nan=False)


def _said(value: Any) -> Any:
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, dict):
        return {_said(key): _said(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return tuple(map(_said, value))
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{field.name: _said(getattr(value, field.name)) for field in fields(value)})
    return value


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
