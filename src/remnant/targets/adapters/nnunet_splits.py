"""Which fold of nnU-Net's cross-validation held out each case: by the validation of the folds, or by splits_final.json."""

import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from remnant.base.errors import RemnantError
from remnant.base.files import read_json
from remnant.base.texts import counted, short
from remnant.targets.adapters.nnunet_results import ResultsFolder

PREPARED = "nnUNet_preprocessed"  # the folder, and the variable that says where it is
SPLITS = "splits_final.json"


def held_out_by(
    results: ResultsFolder, cases: Mapping[str, Any], splits: Path | None
) -> tuple[dict[str, int], list[str]]:
    """By case the place of the fold that held it out, and notes; cases that not exactly one held out are left out, and said so.

    Raises `RemnantError` where nobody says who was held out, and for cases that the data lack.
    """
    trained, held, source = sets_of(results, cases, splits)
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


def sets_of(results: ResultsFolder, cases: Collection[str], splits: Path | None) -> tuple[Sets, Sets, str]:
    """Of each fold who trained it and who did not, and by what that is known."""
    return _by_splits(results, splits) if splits else _by_validation(results, cases)


def _by_splits(results: ResultsFolder, path: Path) -> tuple[Sets, Sets, str]:
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


def _by_validation(results: ResultsFolder, cases: Collection[str]) -> tuple[Sets, Sets, str]:
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
