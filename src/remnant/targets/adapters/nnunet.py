"""nnU-Net's results: nnUNet_results/DATASET/TRAINER__PLANS__CONFIGURATION, with plans.json, dataset.json and a fold_N each.

Who trained what stands in the folder itself: a fold's validation holds the cases that its model did not see. Where that was
taken away, splits_final.json says it, as --splits or where nnU-Net keeps it. Nothing of the folder is executed: checkpoints are
read as data, and plans.json may name networks and layers of nnU-Net's own packages alone.
"""

import importlib.util
import os
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from remnant.base.errors import RemnantError
from remnant.base.files import read_json
from remnant.base.texts import counted, short
from remnant.cohort.nnunet_files import RawCase, cases_of
from remnant.targets.adapters import Trained, no_fold

T = TypeVar("T")

PREPARED = "nnUNet_preprocessed"  # the folder, and the variable that says where it is
SPLITS = "splits_final.json"
WEIGHTS = ("checkpoint_final.pth", "checkpoint_best.pth", "checkpoint_latest.pth")  # the first that a fold has
# What must be alike in the data that trained and the data that are handed over.
ALIKE = ("channel_names", "modality", "labels", "regions_class_order")


@dataclass(frozen=True)
class Results:
    """The folder's files: `plans` and `dataset` as read, `folds` by number with their `checkpoints`."""

    folder: Path
    plans: dict[str, Any]
    dataset: dict[str, Any]
    trainer: str
    configuration: str
    folds: tuple[int, ...]
    checkpoints: tuple[Path, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """What the models are called."""
        return tuple(f"fold {fold}" for fold in self.folds)


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


def results_of(folder: Path) -> Results:
    """The folder's files, each looked for; raises `RemnantError` for the first that does not serve."""
    faults: list[str] = []
    results = _results(folder, faults)
    for fault in faults:
        raise RemnantError(fault)
    return results


@dataclass(frozen=True)
class _Found:
    """What lies there, as far as it serves, and all `faults`."""

    results: Results
    raw: Path | None
    cases: Mapping[str, RawCase]
    held_out: dict[str, int]
    notes: list[str]
    faults: list[str]


def _looked_at(folder: Path, data: Path | None, splits: Path | None) -> _Found:
    faults: list[str] = []
    results = _results(folder, faults)
    raw = _tried(faults, lambda: _raw(results, data), None)
    cases = _tried(faults, lambda: cases_of(raw), None) if raw else None
    held_out, notes = {}, []
    if cases is not None and results.folds:
        held_out, notes = _tried(faults, lambda: held_out_by(results, cases, splits), ({}, []))
    elif results.folds:
        # Whose cases they are cannot be told without the data, but whether anything tells it can.
        _tried(faults, lambda: _held_out(results, (), splits), None)
    if importlib.util.find_spec("nnunetv2") is None:
        faults.append(
            "nnunetv2, which prepares the scans and predicts, is not installed; run `pip install 'remnant[nnunet]'`."
        )
    return _Found(results, raw, cases or {}, held_out, notes, faults)


def _tried(faults: list[str], look: Callable[[], T], otherwise: T) -> T:
    try:
        return look()
    except RemnantError as error:
        faults.append(str(error))
        return otherwise


def _results(folder: Path, faults: list[str]) -> Results:
    """The folder's files as far as they serve; what is wrong with them is added to `faults`."""
    plans = _tried(faults, lambda: _json(folder, "plans.json"), None)
    dataset = _tried(faults, lambda: _json(folder, "dataset.json"), None)
    trainer, _, configuration = [*folder.resolve().name.split("__"), "", ""][:3]
    known = plans.get("configurations") if isinstance(plans, dict) else None
    if plans is not None and (not isinstance(known, dict) or configuration not in known):
        names = ", ".join(short(name) for name in known) if isinstance(known, dict) else "none"
        faults.append(
            f"{folder} is called by no configuration of its plans.json ({names}); keep nnU-Net's name "
            "TRAINER__PLANS__CONFIGURATION."
        )
    if dataset is not None and not (isinstance(dataset, dict) and isinstance(dataset.get("labels"), dict)):
        faults.append(f"{folder / 'dataset.json'} names no labels; copy it from the data set that trained the models.")
        dataset = None
    folds = sorted(int(path.name[5:]) for path in folder.glob("fold_*") if path.name[5:].isdigit() and path.is_dir())
    if len(folds) < 2:
        faults.append(
            f"{folder} has {counted(len(folds), 'fold')}, and a model is compared with those of other folds; train another fold, "
            "or audit the one by a folder with audit.toml and target.py."
        )
    checkpoints = _tried(faults, lambda: _checkpoints(folder, folds), ())
    plans = plans if isinstance(plans, dict) else {}
    return Results(folder, plans, dataset or {}, trainer, configuration, tuple(folds), checkpoints)


def _json(folder: Path, name: str) -> Any:
    if not (folder / name).is_file():
        raise RemnantError(
            f"{folder} has no {name}; give the folder TRAINER__PLANS__CONFIGURATION as nnU-Net wrote it."
        )
    return read_json(folder / name)


def _checkpoints(folder: Path, folds: list[int]) -> tuple[Path, ...]:
    """Of each fold the same kind: the first that all have."""
    for name in WEIGHTS:
        found = tuple(folder / f"fold_{fold}" / name for fold in folds)
        if all(path.is_file() for path in found):
            return found
    lacking = next(fold for fold in folds if not (folder / f"fold_{fold}" / WEIGHTS[0]).is_file())
    raise RemnantError(
        f"{folder / f'fold_{lacking}'} has no {WEIGHTS[0]}, as other folds may have; finish its training, or move the fold away."
    )


def _raw(results: Results, data: Path | None) -> Path:
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


def held_out_by(results: Results, cases: Mapping[str, Any], splits: Path | None) -> tuple[dict[str, int], list[str]]:
    """By case the place of the fold that held it out, and notes; cases that not exactly one held out are left out, and said so.

    Raises `RemnantError` where nobody says who was held out, and for cases that the data lack.
    """
    trained, held, source = _held_out(results, cases, splits)
    named = set().union(*trained, *held)
    if lacking := sorted(named - set(cases)):
        raise RemnantError(
            f"The data lack {counted(len(lacking), 'case')} of {source}, such as {short(lacking[0])}; give --data the data set "
            "that trained the models."
        )
    found, left = {}, 0
    for case in cases:
        by = [place for place in range(len(held)) if case in held[place]]
        if len(by) == 1 and all(case in trained[place] for place in range(len(held)) if place != by[0]):
            found[case] = by[0]
        else:
            left += 1
    if not found:
        raise RemnantError(
            f"By {source} no case was held out by one fold alone; the audit needs the folds of one cross-validation."
        )
    notes = [f"Who was in which fold is known from {source}."]
    if left:
        notes.append(f"{counted(left, 'case was', 'cases were')} not held out by one fold alone, and left out.")
    return found, notes


Sets = list[set[str]]


def _held_out(results: Results, cases: Collection[str], splits: Path | None) -> tuple[Sets, Sets, str]:
    """Of each fold who trained it and who did not, and by what that is known."""
    return _by_splits(results, splits) if splits else _by_validation(results, cases)


def _by_splits(results: Results, path: Path) -> tuple[Sets, Sets, str]:
    splits = read_json(path)
    try:
        own = [splits[fold] for fold in results.folds]
        trained, held = ([set(map(str, one[key])) for one in own] for key in ("train", "val"))
    except (LookupError, TypeError):
        raise RemnantError(
            f"{path} does not list train and val of fold {results.folds[-1]}; give the {SPLITS} by which the models were trained."
        ) from None
    if both := [case for seen, out in zip(trained, held, strict=True) for case in seen & out]:
        raise RemnantError(
            f"{path} has {short(both[0])} in train and val of one fold; give the file by which the models were trained."
        )
    return trained, held, str(path)


def _by_validation(results: Results, cases: Collection[str]) -> tuple[Sets, Sets, str]:
    """From the validation of every fold; else by the splits that lie where nnU-Net keeps them."""
    ending = str(results.dataset.get("file_ending", ".nii.gz"))
    held = [
        {path.name.removesuffix(ending) for path in (results.folder / f"fold_{fold}" / "validation").glob(f"*{ending}")}
        for fold in results.folds
    ]
    if all(held):
        return [set(cases) - out for out in held], held, "the validation of each fold"
    dataset = results.folder.resolve().parent
    for root in (os.environ.get(PREPARED), dataset.parent.parent / PREPARED):
        if root and (path := Path(root) / dataset.name / SPLITS).is_file():
            return _by_splits(results, path)
    without = next(fold for fold, out in zip(results.folds, held, strict=True) if not out)
    raise RemnantError(
        f"{results.folder / f'fold_{without}'} has no validation, so nothing says which cases its model did not see; add "
        f"--splits with the {SPLITS} of {PREPARED}."
    )
