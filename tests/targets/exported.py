"""An nnU-Net v2 results folder as its training leaves it, with names of people who are not."""

import json
import zipfile
from pathlib import Path

import numpy as np
import torch

NAME = "Dataset004_Hippocampus/nnUNetTrainer__nnUNetPlans__3d_fullres"
CASES = [f"hippocampus_{number:03d}" for number in (1, 17, 367)]
# As `PlainConvUNet` names its first layers.
WEIGHTS = {
    "encoder.stages.0.0.convs.0.conv.weight": torch.arange(108.0).reshape(4, 1, 3, 3, 3),
    "decoder.seg_layers.0.bias": torch.tensor([0.5, -0.25]),
}
PLANS = {
    "dataset_name": "Dataset004_Hippocampus",
    "plans_name": "nnUNetPlans",
    "image_reader_writer": "SimpleITKIO",
    "original_median_spacing_after_transp": [1.0, 1.0, 1.0],
    "configurations": {
        "3d_fullres": {
            "patch_size": [40, 56, 40],
            "normalization_schemes": ["ZScoreNormalization"],
            "architecture": {
                "network_class_name": "dynamic_network_architectures.architectures.unet.PlainConvUNet",
                "arch_kwargs": {
                    "conv_op": "torch.nn.modules.conv.Conv3d",
                    "n_stages": 3,
                    "nonlin_kwargs": {"inplace": True},
                },
                "_kw_requires_import": ["conv_op"],
            },
        }
    },
    "foreground_intensity_properties_per_channel": {"0": {"mean": 22360.1, "max": 486420.2}},
}
DATASET = {
    "channel_names": {"0": "MRI"},
    "labels": {"background": 0, "Anterior": 1, "Left Ventricle": 2},
    "numTraining": 3,
    "file_ending": ".nii.gz",
}


def checkpoint():
    """What `nnUNetTrainer.save_checkpoint` saves."""
    return {
        "network_weights": dict(WEIGHTS),
        "optimizer_state": {
            "state": {0: {"momentum_buffer": torch.ones(4, 1, 3, 3, 3)}},
            "param_groups": [{"lr": 0.01, "params": [0]}],
        },
        "grad_scaler_state": {"scale": 65536.0},
        "logging": {"mean_fg_dice": [np.float64(0.5)], "epoch_start_timestamps": [1700000000.25]},
        "_best_ema": np.float64(0.9),
        "current_epoch": 1000,
        "init_args": {
            "plans": PLANS,
            "configuration": "3d_fullres",
            "fold": 0,
            "dataset_json": DATASET | {"training": [{"image": f"./imagesTr/{case}.nii.gz"} for case in CASES]},
        },
        "trainer_name": "nnUNetTrainer",
        "inference_allowed_mirroring_axes": (0, 1, 2),
    }


def write_results(top: Path) -> Path:
    """Write the folder below `top`, and return the model's."""
    model = top / NAME
    fold = model / "fold_0"
    (fold / "validation").mkdir(parents=True)
    told = {
        model / "plans.json": PLANS,
        model / "dataset.json": DATASET | {"training": [{"image": f"./imagesTr/{case}.nii.gz"} for case in CASES]},
        model / "dataset_fingerprint.json": {
            "shapes_after_crop": [[40, 56, 40]] * 3,
            "spacings": [[1.0, 1.0, 1.0]] * 3,
        },
        fold / "debug.json": {"output_folder": "/home/jane/nnUNet_results", "hostname": "gpu1"},
        fold / "validation" / "summary.json": {
            "metric_per_case": [
                {"metrics": {"1": {"Dice": 0.9}}, "prediction_file": f"/home/jane/{c}.nii.gz"} for c in CASES
            ]
        },
        model.parent / "splits_final.json": [{"train": CASES[:2], "val": CASES[2:]}],
    }
    for path, value in told.items():
        path.write_text(json.dumps(value))
    torch.save(checkpoint(), fold / "checkpoint_final.pth")
    torch.save(checkpoint(), fold / "checkpoint_best.pth")
    (fold / "progress.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(40))
    (fold / "training_log_2024_1_2_03_04_05.txt").write_text("2024-01-02 03:04:05: this split has 2 training cases\n")
    (fold / "validation" / f"{CASES[0]}.nii.gz").write_bytes(b"not looked into")
    (fold / "validation" / f"{CASES[0]}.nii").write_bytes(bytes(344) + b"n+1\x00" + bytes(40))
    return model


def zipped(folder: Path, target: Path) -> Path:
    """The folder as the zip that `nnUNetv2_export_model_to_zip` makes."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            archive.write(path, path.relative_to(folder))
    return target
