"""The two files that an audit of a folder begins with: audit.toml with every setting explained, and target.py."""

import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from remnant.audit.config import AuditConfig
from remnant.audit.owner.starter_texts import (
    ABOVE,
    BUILD,
    BUILD_FUNCTION,
    DATA,
    EXAMPLES,
    HEAD,
    LOSS,
    SAID,
    TARGET,
    TRAIN,
)
from remnant.audit.verdict.appetite import ADVANTAGE_ORIGIN, REIDENTIFICATION
from remnant.base.files import require_directory, require_new, write_text


@dataclass(frozen=True)
class Known:
    """What a checkpoint tells: its `path`; `build` and `arguments` where a library has its network; all else in `said`, a
    sentence each; `shape` of its images in words."""

    path: Path
    build: str | None = None
    arguments: dict[str, Any] = field(default_factory=dict)
    said: tuple[str, ...] = ()
    shape: str = ""


def write_starter(folder: Path, known: Known | None = None) -> tuple[Path, Path]:
    """Write audit.toml and target.py into `folder`, which is made; return their paths.

    Raises `RemnantError` where one of them is there: nothing is overwritten.
    """
    settings, target = check_new(folder)
    folder.mkdir(parents=True, exist_ok=True)
    write_text(settings, settings_text(folder, known))
    write_text(target, target_text(known))
    return settings, target


def check_new(folder: Path) -> tuple[Path, Path]:
    """The paths of both files, if neither is there; raises `RemnantError` otherwise."""
    if folder.exists():
        require_directory(folder, "folder of the audit")
    paths = (folder / "audit.toml", folder / "target.py")
    for path in paths:
        require_new(path)
    return paths


def settings_text(folder: Path, known: Known | None = None) -> str:
    """audit.toml with every setting: what is known as it is, all else as comments."""
    defaults = AuditConfig(scenario="checkpoint").model_dump()
    given: dict[str, Any] = {"scenario": defaults.pop("scenario"), "target.build": "build"}
    if known:
        given["target.checkpoint"] = _relative(known.path, folder)
        if known.build:
            given |= {"target.build": known.build, "target.arguments": known.arguments}
    lines = [HEAD, *_setting("scenario", given["scenario"], given)]
    for name in ("seed", "minutes", "base_rate"):
        lines += _setting(name, defaults.pop(name), given)
    for table, values in defaults.items():
        lines += [f"\n# {ABOVE[table]}"]
        lines += [f"# {sentence}" for sentence in known.said] if known and table == "target" else []
        lines += [f"[{table}]"]
        for name, value in values.items():
            lines += _setting(f"{table}.{name}", value, given)
    return "\n".join(lines) + "\n"


def target_text(known: Known | None = None) -> str:
    """target.py with its one or two places to fill in."""
    whole = bool(known and known.build)
    weights = (
        "; its weights are named in audit.toml" if known else ", and name the weights in audit.toml, or load them here"
    )
    said = "" if known is None else "".join(f"\n    # {sentence}" for sentence in known.said)
    return TARGET.format(
        title="The patients of this audit" if whole else "The network and the patients of this audit",
        build="" if whole else BUILD_FUNCTION.format(build=BUILD, weights=weights, known=said),
        last="" if whole else " 2 of 2",
        data=DATA,
        shape=(known and known.shape) or "float32 (channels, x, y) or (channels, x, y, z), no batch",
        loss=LOSS,
        train=TRAIN,
    )


def _setting(key: str, value: Any, given: dict[str, Any]) -> Iterator[str]:
    table, _, name = key.rpartition(".")
    if said := SAID.get(key):
        yield "# " + said.format(share=REIDENTIFICATION["public"][1], advantage=ADVANTAGE_ORIGIN)
    if table == "appetite" and value is None:
        limits = {limit.name: limit.value for limit in AuditConfig(scenario="checkpoint").appetite.limits("checkpoint")}
        value = limits[name]
    value = EXAMPLES.get(key) if value is None else value
    yield f"{name} = {toml(given[key])}" if key in given else f"# {name} = {toml(value)}"


def toml(value: Any) -> str:
    """A value as TOML writes it."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_key(key)} = {toml(item)}" for key, item in value.items()) + " }" if value else "{}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(toml, value))}]"
    # JSON's texts are TOML's, but for this one character.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else toml(name)


def _relative(path: Path, folder: Path) -> str:
    """From the folder to the checkpoint; whole where they share no folder but the root."""
    path, folder = path.resolve(), folder.resolve()
    shared = os.path.commonpath([path, folder])
    return str(path) if shared == path.anchor else Path(os.path.relpath(path, folder)).as_posix()
