"""nnU-Net's results: nnUNet_results/DATASET/TRAINER__PLANS__CONFIGURATION, with plans.json, dataset.json and a fold_N each.

Who trained what stands in the folder itself: a fold's validation holds the cases that its model did not see. Where that was
taken away, splits_final.json says it, as --splits or where nnU-Net keeps it. Nothing of the folder is executed: checkpoints are
read as data, and plans.json may name networks and layers of nnU-Net's own packages alone.
"""

import importlib.util
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from remnant.base.errors import RemnantError
from remnant.base.files import read_json
from remnant.base.texts import short
from remnant.cohort.layouts.nnunet_files import RawCase, cases_of
from remnant.targets.adapters import Trained, no_fold
from remnant.targets.adapters.nnunet_results import ResultsFolder, read_results, tried
from remnant.targets.adapters.nnunet_splits import held_out_by, sets_of

# What must be alike in the data that trained and the data that are handed over.
ALIKE = ("channel_names", "modality", "labels", "regions_class_order")


def recognises(folder: Path) -> bool:
    """Whether the folder has trained folds."""
    return folder.is_dir() and any(
        path.is_dir() and re.fullmatch(r"fold_(\d+|all)", path.name) for path in folder.glob("fold_*")
    )


def faults(folder: Path, data: Path | None, splits: Path | None, fold: int | None = None) -> list[str]:
    """Everything wrong that names and small files tell, a sentence each: without PyTorch, and no image is opened."""
    found = _looked_at(folder, data, splits)
    folds = found.results.folds
    none = [no_fold(fold, found.results.names)] if folds and fold is not None and fold not in folds else []
    return [*found.faults, *none]


def read(folder: Path, data: Path | None, splits: Path | None, tell: Callable[[str], None]) -> Trained:
    """The models of all folds, and the cases of `data`, nnUNet_raw/DATASET, prepared by nnunetv2; `splits`: a splits_final.json.

    Raises `RemnantError` for a folder with one fold or without a checkpoint of one, for data of another data set, where nobody
    says who was in which fold, and without nnunetv2.
    """
    found = _looked_at(folder, data, splits)
    for fault in found.faults:
        raise RemnantError(fault)
    assert found.raw
    from remnant.targets.adapters.nnunet_models import trained

    cases = {name: found.cases[name] for name in found.held_out}
    return trained(found.results, found.raw, cases, found.held_out, found.notes, tell)


@dataclass(frozen=True)
class _Found:
    """What lies there, as far as it serves, and all `faults`."""

    results: ResultsFolder
    raw: Path | None
    cases: Mapping[str, RawCase]
    held_out: dict[str, int]
    notes: list[str]
    faults: list[str]


def _looked_at(folder: Path, data: Path | None, splits: Path | None) -> _Found:
    faults: list[str] = []
    results = read_results(folder, faults)
    raw = tried(faults, lambda: _raw(results, data), None)
    cases = tried(faults, lambda: cases_of(raw), None) if raw else None
    held_out, notes = {}, []
    if cases is not None and results.folds:
        held_out, notes = tried(faults, lambda: held_out_by(results, cases, splits), ({}, []))
    elif results.folds:
        # Whose cases they are cannot be told without the data, but whether anything tells it can.
        tried(faults, lambda: sets_of(results, (), splits), None)
    if importlib.util.find_spec("nnunetv2") is None:
        faults.append(
            "nnunetv2, which prepares the scans and predicts, is not installed; run `pip install 'remnant[nnunet]'`."
        )
    return _Found(results, raw, cases or {}, held_out, notes, faults)


def _raw(results: ResultsFolder, data: Path | None) -> Path:
    """The folder of the data set, if it is the one that trained the models, as far as these say."""
    name = short(results.plans.get("dataset_name", "DatasetXXX"))
    if data is None:
        raise RemnantError(f"The scans that trained {results.folder} are needed; add --data nnUNet_raw/{name}.")
    if not (data / "dataset.json").is_file():
        raise RemnantError(
            f"{data} has no dataset.json; give --data the folder nnUNet_raw/{name}, with imagesTr and labelsTr."
        )
    own = read_json(data / "dataset.json")
    if not isinstance(own, dict):
        raise RemnantError(f"{data / 'dataset.json'} holds no table; copy it from the data set anew.")
    if other := [key for key in ALIKE if results.dataset and own.get(key) != results.dataset.get(key)]:
        raise RemnantError(
            f"{data} is not the data set that trained {results.folder}: {other[0]} of the two dataset.json differ; give "
            f"--data nnUNet_raw/{name}."
        )
    return data
