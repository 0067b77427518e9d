"""A real nnU-Net on crops of the hippocampus, trained by nnunetv2 itself in five folds, for `remnant audit`.

    .venv/bin/python benchmarks/nnunet_hippocampus.py DATA ROOT [--split cases] [--epochs 40] [--steps 25] [--batch 2] [--half]

DATA is the folder with manifest.csv (image, label, subject_id), ROOT gets nnUNet_raw, nnUNet_preprocessed, nnUNet_results. Both
crops of a person are in one fold; with `--split cases` they are dealt as nnU-Net deals cases by default, which parts most
persons' two sides. nnU-Net's default is 1000 epochs of 250 steps on a GPU, of batches of 9: this is a part of it, and what a
longer training leaves of its patients may be more. A fold that is there is not trained again, and one that was stopped goes on.
The last line is the command that audits what was trained.
"""

import argparse
import csv
import json
import shutil
from pathlib import Path

import numpy as np
from _nnunet import planned, trained

SET, FOLDS, SEED = "Dataset004_Hippocampus", 5, 12345


def write_raw(data: Path, raw: Path) -> dict[str, str]:
    """nnU-Net's layout of the crops, with patients.csv; returns whose each case is."""
    with (data / "manifest.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    whose = {Path(row["label"]).name.removesuffix(".nii.gz"): row["subject_id"] for row in rows}
    for folder in ("imagesTr", "labelsTr"):
        (raw / folder).mkdir(parents=True, exist_ok=True)
    for row, case in zip(rows, whose, strict=True):
        shutil.copyfile(data / row["image"], raw / "imagesTr" / f"{case}_0000.nii.gz")
        shutil.copyfile(data / row["label"], raw / "labelsTr" / f"{case}.nii.gz")
    about = {
        "channel_names": {"0": "MRI"},
        "labels": {"background": 0, "Anterior": 1, "Posterior": 2},
        "numTraining": len(whose),
        "file_ending": ".nii.gz",
    }
    (raw / "dataset.json").write_text(json.dumps(about))
    lines = ["case,subject_id", *(f"{case},{patient}" for case, patient in whose.items())]
    (raw / "patients.csv").write_text("\n".join(lines) + "\n")
    return whose


def splits_of(whose: dict[str, str], by: str) -> list[dict[str, list[str]]]:
    """Five folds of patients or of cases, by lot."""
    units = sorted(set(whose.values()) if by == "patients" else whose)
    order = np.random.default_rng(SEED).permutation(len(units))
    fold = {units[i]: place % FOLDS for place, i in enumerate(order)}
    mine = {case: fold[patient if by == "patients" else case] for case, patient in whose.items()}
    return [
        {"train": [case for case in mine if mine[case] != one], "val": [case for case in mine if mine[case] == one]}
        for one in range(FOLDS)
    ]


def main() -> None:
    """Train what is not there yet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("root", type=Path)
    parser.add_argument("--split", choices=("patients", "cases"), default="patients")
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--steps", type=int, default=25)
    parser.add_argument("--batch", type=int, default=2)
    parser.add_argument("--half", action="store_true", help="bfloat16, as nnU-Net has half precision on a GPU")
    parser.add_argument(
        "--folds", type=int, nargs="*", default=list(range(FOLDS)), help="to train here; others elsewhere"
    )
    given = parser.parse_args()
    root = given.root / f"by-{given.split}"
    raw = root / "nnUNet_raw" / SET
    planned(root, SET, splits_of(write_raw(given.data, raw), given.split))
    for fold in given.folds:
        folder = trained(root, SET, fold, given.epochs, given.steps, batch=given.batch, half=given.half)
    print(f".venv/bin/remnant audit {folder} --data {raw}")


if __name__ == "__main__":
    main()
