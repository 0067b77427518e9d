"""The folder TRAINER__PLANS__CONFIGURATION that nnU-Net's training leaves: its files, looked for without PyTorch."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from remnant.base.errors import RemnantError
from remnant.base.files import read_json
from remnant.base.texts import counted, short

T = TypeVar("T")

WEIGHTS = ("checkpoint_final.pth", "checkpoint_best.pth", "checkpoint_latest.pth")  # the first that a fold has


@dataclass(frozen=True)
class ResultsFolder:
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


def read_results(folder: Path, faults: list[str]) -> ResultsFolder:
    """The folder's files as far as they serve; what is wrong with them is added to `faults`."""
    plans = tried(faults, lambda: _json(folder, "plans.json"), None)
    dataset = tried(faults, lambda: _json(folder, "dataset.json"), None)
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
    checkpoints = tried(faults, lambda: _checkpoints(folder, folds), ())
    plans = plans if isinstance(plans, dict) else {}
    return ResultsFolder(folder, plans, dataset or {}, trainer, configuration, tuple(folds), checkpoints)


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


def tried(faults: list[str], look: Callable[[], T], otherwise: T) -> T:
    """What `look` finds; where it raises, `otherwise`, and why is added to `faults`."""
    try:
        return look()
    except RemnantError as error:
        faults.append(str(error))
        return otherwise
