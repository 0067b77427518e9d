"""A copy of a model for its recipient: the weights and what is needed to run them, and nothing of the training."""

import json
import math
import shutil
import tempfile
import zipfile
from pathlib import Path, PurePosixPath
from typing import Any

import safetensors.torch
import torch
from torch import Tensor

from remnant.base.config import NoSettings
from remnant.base.errors import RemnantError
from remnant.base.files import atomic_path, require_new
from remnant.defenses.defense import Defense
from remnant.targets.bundle import Bundle, is_bundle
from remnant.targets.contents import look_into
from remnant.targets.files.archive import read_archive
from remnant.targets.files.flat import read_safetensors
from remnant.targets.files.kind import kind_of_file
from remnant.targets.files.legacy import read_legacy
from remnant.targets.files.modules import is_module, state_of
from remnant.targets.files.safe_torch import require_safe_torch
from remnant.targets.opening import LEVELS, open_checkpoint, weights_in
from remnant.targets.telling import are_cases, in_value

# What programs read of a checkpoint beside its weights, to build the network; of nnU-Net the first three.
ARGUMENTS = (
    *("trainer_name", "init_args", "inference_allowed_mirroring_axes", "hyper_parameters", "pytorch-lightning_version"),
    *("arch", "architecture", "model_args", "model_config"),
)
# Within these: nnU-Net's copies of plans.json and dataset.json, which lie beside the checkpoint.
COPIES = ("plans", "dataset_json")
# What nnU-Net reads of dataset.json when it predicts; everything else may list cases.
DATASET = (
    *("channel_names", "modality", "labels", "regions_class_order", "file_ending", "numTraining"),
    *("overwrite_image_reader_writer", "tensorImageSize"),
)
TEXT = 300
ITEMS = 1000
_GONE = object()


def strip(path: Path, out: Path) -> None:
    """Write to `out` what a recipient of the model `path` needs: a checkpoint, a folder or a zip, as `path` is.

    Of a checkpoint the weights stay, value by value, and the plain arguments of `ARGUMENTS` that tell nothing; of a folder or
    zip the files that are needed, JSON and checkpoints rewritten. Raises
    `RemnantError` where `out` exists or lies in the folder `path`, where nothing is needed, and where something telling would
    be left.
    """
    path, out = Path(path), Path(out)
    require_new(out)
    if path.is_dir() and out.resolve().is_relative_to(path.resolve()):
        raise RemnantError(f"{out} lies in {path}, which it is to be a copy of; give a place outside of that folder.")
    if not is_bundle(path):
        with atomic_path(out) as temporary:
            strip_checkpoint(path, temporary)
            _require_silent(path, open_checkpoint(temporary).telling)
        return
    bundle = Bundle(path)
    contents = look_into(bundle)
    needed = [file for file in contents.files if file.needed]
    if not any(file.kind == "checkpoint" for file in needed):
        raise RemnantError(f"{path} holds no checkpoint that can be opened; nothing was written.")
    out.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=".tmp-", dir=out.parent))
    try:
        top = work / "model"
        entries = {entry.name: entry for entry in bundle.entries}
        for file in needed:
            target = top / file.name
            target.parent.mkdir(parents=True, exist_ok=True)
            with bundle.local(entries[file.name]) as source:
                _write(file.name, file.kind, contents.layout, source, target)
        left = look_into(Bundle(top)).telling
        _require_silent(path, [f"{file.name}: {text}" for file in left for text in file.findings])
        if bundle.zipped:
            _pack(top, work / "model.zip")
            (work / "model.zip").rename(out)
        else:
            top.rename(out)
    finally:
        shutil.rmtree(work)


def _write(name: str, kind: str, layout: str, source: Path, target: Path) -> None:
    base = PurePosixPath(name).name
    if kind == "checkpoint":
        strip_checkpoint(source, target)
    elif layout == "nnU-Net results" and base.endswith(".json"):
        value = json.loads(source.read_text(encoding="utf-8"))
        kept = {key: value[key] for key in DATASET if key in value} if base == "dataset.json" else _plain(value)
        target.write_text(json.dumps(kept, indent=4), encoding="utf-8")
    else:
        shutil.copyfile(source, target)


def _require_silent(path: Path, findings: Any) -> None:
    if findings := list(findings):
        raise RemnantError(
            f"What a recipient of {path} needs still tells of people ({findings[0].rstrip('.')}); nothing was written: take that "
            "out by hand first."
        )


def _pack(top: Path, target: Path) -> None:
    """The folder as a zip that tells no times, users or machines."""
    with zipfile.ZipFile(target, "w") as archive:
        for path in sorted(path for path in top.rglob("*") if path.is_file()):
            info = zipfile.ZipInfo(path.relative_to(top).as_posix())
            info.external_attr = 0o644 << 16
            with path.open("rb") as source, archive.open(info, "w", force_zip64=True) as packed:
                shutil.copyfileobj(source, packed, 2**20)


def strip_checkpoint(path: Path, out: Path) -> None:
    """Write the weights in `path` and the arguments of their network to `out`, in the format of `path`.

    Nothing of the file is executed, and what is written holds tensors and plain values alone, so that `weights_only` reads it.
    A pickled network becomes its state_dict. Raises `RemnantError` as `open_checkpoint` does.
    """
    require_safe_torch()
    kind = kind_of_file(path)
    if kind == "safetensors":
        tensors, header = read_safetensors(path)
        kept = {name: text for name, text in header.items() if name in ("format", "remnant") and not in_value(text)}
        # By bytes: of a full disk `save_file` raises an error of its own.
        out.write_bytes(
            safetensors.torch.save({name: tensor.clone() for name, tensor in tensors.items()}, kept or None)
        )
        return
    value, _ = (read_archive if kind == "zip" else read_legacy)(path)
    places = weights_in(value) if isinstance(value, dict) else {}
    if not places:
        raise RemnantError(f"{path} holds no weights; give a file with the state_dict of a network.")
    copies: dict[int, Tensor] = {}
    rebuilt = _weights(value, {id(mapping) for mapping in places.values()}, copies, LEVELS)
    if not is_module(value):
        rebuilt |= {
            key: kept for key in ARGUMENTS if key in value and (kept := _plain(value[key])) not in (_GONE, {}, [])
        }
    # By a file, since the archive would be named after a path.
    with out.open("wb") as file:
        torch.save(rebuilt, file)


def _weights(value: dict[Any, Any], ids: set[int], copies: dict[int, Tensor], levels: int) -> dict[str, Any]:
    """The mappings of weights where they were, each tensor as a copy that brings no other bytes of its storage along."""
    state = state_of(value) if is_module(value) else value if id(value) in ids else {}
    kept: dict[str, Any] = {}
    for name, tensor in state.items():
        if isinstance(name, str) and isinstance(tensor, Tensor):
            if id(tensor) not in copies:
                copies[id(tensor)] = tensor.detach().clone()
            kept[name] = copies[id(tensor)]
    if levels and not is_module(value):
        for key, below in value.items():
            if isinstance(key, str) and isinstance(below, dict) and (found := _weights(below, ids, copies, levels - 1)):
                kept[key] = found
    return kept


def _plain(value: Any, levels: int = 12) -> Any:
    """The value without whatever is not plain or looks as if it told of somebody."""
    if isinstance(value, (bool, int)) or value is None or (isinstance(value, float) and math.isfinite(value)):
        return value
    if isinstance(value, str):
        return _GONE if len(value) > TEXT or in_value(value) else str(value)
    if not levels:
        return _GONE
    if isinstance(value, dict):
        told = {key: _plain(item, levels - 1) for key, item in value.items() if key not in COPIES}
        return {
            key: item
            for key, item in told.items()
            if item is not _GONE and isinstance(key, (str, int)) and not in_value(str(key))
        }
    if isinstance(value, (list, tuple)):
        texts = [item for item in value if isinstance(item, str)]
        items = [_plain(item, levels - 1) for item in value]
        # A data list names its cases in a form of the hospital's own.
        listed = any(isinstance(item, dict) and not item.keys().isdisjoint(("image", "label")) for item in value)
        if len(value) > ITEMS or listed or are_cases(texts) or any(item is _GONE for item in items):
            return _GONE
        return tuple(items) if isinstance(value, tuple) else items
    return _GONE


def _stripped(path: Path, settings: NoSettings, out: Path) -> None:
    strip(path, out)


STRIP = Defense(
    "strip",
    "a file without the traces of its training",
    "The file keeps weights and arguments of the network, and loses optimiser, paths, names and lists of cases; no "
    "training goes on from it.",
    "file",
    _stripped,
    "Remnant",
)
