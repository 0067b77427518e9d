"""Radiographs as classifiers take them: the column split says who trained, the label is the view, from before or behind."""

from pathlib import Path

import numpy as np
import pandas as pd
import torch
from PIL import Image

DATA = Path(__file__).resolve().parents[2] / "data" / "cxr_private"
MEMBERS = {"train": True, "test": False}
SEED = 0


def prepared(side: int, channels: int = 1) -> list[dict]:
    """Every radiograph of training and test: image (channels, side, side) in [-1, 1], label 1 for a view from behind (PA)."""
    items = []
    for row in pd.read_csv(DATA / "manifest.csv").itertuples():
        if row.split not in MEMBERS:
            continue
        grey = np.asarray(Image.open(DATA / row.image).convert("L").resize((side, side), Image.Resampling.BILINEAR))
        image = torch.from_numpy(grey.copy()).float()[None].expand(channels, -1, -1) / 127.5 - 1
        known = {"age": None if pd.isna(row.age) else row.age, "sex": None if pd.isna(row.sex) else row.sex}
        label = int(row.view == "PA")
        items.append(
            {"image": image.clone(), "label": label, "patient": row.subject_id, "member": MEMBERS[row.split], **known}
        )
    return items


def members(side: int, channels: int = 1) -> list[dict]:
    """Those who train, as `transformers.Trainer` and MONAI's engines take them."""
    return [
        {"pixel_values": item["image"], "image": item["image"], "labels": item["label"], "label": item["label"]}
        for item in prepared(side, channels)
        if item["member"]
    ]
