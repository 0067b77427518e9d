"""nnU-Net trained by nnunetv2 itself, in the layout that it leaves behind: planned, prepared, a model a fold, validated."""

import json
import multiprocessing
import multiprocessing.pool
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

CONFIGURATION, PLANS = "3d_fullres", "nnUNetPlans"
VOXELS = 10_000  # of the foreground, whose intensities the planner looks at; nnU-Net takes ten million


@contextmanager
def _in(root: Path, loaders: int) -> Iterator[None]:
    """nnU-Net's three folders below `root`, so many `loaders` of data (0: the process itself), and threads in place of its
    pools, of which each process would import PyTorch anew."""
    folders = {name: str(root / name) for name in ("nnUNet_raw", "nnUNet_preprocessed", "nnUNet_results")}
    os.environ.update(folders, nnUNet_n_proc_DA=str(loaders), nnUNet_def_n_proc="1")
    get_context = multiprocessing.get_context

    class Threads:
        Pool = staticmethod(multiprocessing.pool.ThreadPool)

    multiprocessing.get_context = lambda method=None: Threads if method == "spawn" else get_context(method)  # type: ignore
    try:
        yield
    finally:
        multiprocessing.get_context = get_context  # type: ignore


def planned(root: Path, dataset: str, splits: list[dict[str, list[str]]]) -> Path:
    """Plan and prepare root/nnUNet_raw/`dataset`, and lay down who is in which fold; returns the folder of what is prepared."""
    prepared = root / "nnUNet_preprocessed" / dataset
    if (prepared / "splits_final.json").is_file():
        return prepared
    with _in(root, 1):  # the planner sets so many threads
        from nnunetv2.experiment_planning.dataset_fingerprint.fingerprint_extractor import DatasetFingerprintExtractor
        from nnunetv2.experiment_planning.plan_and_preprocess_api import plan_experiments, preprocess

        number = int(dataset[7:10])
        extractor = DatasetFingerprintExtractor(number, num_processes=1)
        extractor.num_foreground_voxels_for_intensitystats = VOXELS
        extractor.run()
        plan_experiments([number])
        preprocess([number], configurations=[CONFIGURATION], num_processes=[1])
    # Last, so that its presence says that all of it is there.
    (prepared / "splits_final.json").write_text(json.dumps(splits))
    return prepared


def trained(
    root: Path,
    dataset: str,
    fold: int,
    epochs: int,
    steps: int,
    *,
    validate: bool = True,
    batch: int | None = None,
    half: bool = False,
) -> Path:
    """Train `fold` for `epochs` of `steps`, unless it is there; returns the folder of the trained models.

    nnU-Net's default are 1000 epochs of 250 steps, of batches as large as a GPU holds (`batch`). What is trained, by which
    losses, rates, networks and augmentation, is its own. Its half precision it has on a GPU alone: `half` takes bfloat16 on a
    processor, which is 2.5 times as fast where the processor has AMX.
    """
    with _in(root, 0):
        import torch
        from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer

        class nnUNetTrainerShort(nnUNetTrainer):  # noqa: N801
            """nnU-Net's trainer with fewer and shorter epochs."""

            # nnU-Net reads the names of these parameters.
            def __init__(self, plans: dict, configuration: str, fold: int, dataset_json: dict, device: Any) -> None:
                super().__init__(plans, configuration, fold, dataset_json, device)
                self.num_epochs, self.num_iterations_per_epoch, self.num_val_iterations_per_epoch = epochs, steps, 1
                self.save_every = 1

            def train_step(self, batch: dict) -> dict:
                with torch.autocast("cpu", torch.bfloat16, enabled=half):
                    return super().train_step(batch)

        prepared = root / "nnUNet_preprocessed" / dataset
        plans = json.loads((prepared / f"{PLANS}.json").read_text())
        if batch:
            plans["configurations"][CONFIGURATION]["batch_size"] = batch
        folder = root / "nnUNet_results" / dataset / f"nnUNetTrainerShort__{PLANS}__{CONFIGURATION}"
        latest = folder / f"fold_{fold}" / "checkpoint_latest.pth"
        if (folder / f"fold_{fold}" / "checkpoint_final.pth").is_file():
            return folder
        torch.manual_seed(fold)
        plans["continue_training"] = latest.is_file()
        about = json.loads((prepared / "dataset.json").read_text())
        trainer = nnUNetTrainerShort(plans, CONFIGURATION, fold, about, device=torch.device("cpu"))
        if latest.is_file():
            trainer.load_checkpoint(str(latest))
        trainer.run_training()
        if validate:
            trainer.perform_actual_validation()
    return folder
