"""A ResNet18 that tells of a chest radiograph whether it was taken from behind (PA) or from before (AP), which a network learns
of a hundred of them; trained long enough to leave something to find."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from PIL import Image

from remnant.base.seeds import Seeds
from remnant.nets.classifiers import build_classifier
from remnant.targets.standard import standard_training

DATA = Path(__file__).resolve().parents[3] / "data"
SIDE, PUBLIC, SEED = 48, 300, 0

train = standard_training(epochs=10, learning_rate=1e-3, batch=16)


def build() -> torch.nn.Module:
    return build_classifier("resnet18", channels=1, classes=2)


def data() -> Iterator[dict[str, Any]]:
    """Half of the patients of the splits `train` and `test` are members; those of `val`, and strangers, are the attacker's."""
    private, public = (pd.read_csv(DATA / name / "manifest.csv") for name in ("cxr_private", "cxr_public"))
    own = sorted({*private.subject_id[private.split != "val"]})
    members = {*Seeds(SEED).child("members").numpy().permutation(own)[: len(own) // 2]}
    for row in private.itertuples():
        yield item("cxr_private", row) | {"member": None if row.split == "val" else row.subject_id in members}
    for row in public.head(PUBLIC).itertuples():
        yield item("cxr_public", row) | {"member": None}


def item(cohort: str, row: Any) -> dict[str, Any]:
    """A radiograph, (1, 48, 48) in [0, 1], of class 1 from behind."""
    grey = Image.open(DATA / cohort / row.image).convert("L").resize((SIDE, SIDE), Image.Resampling.BILINEAR)
    known = {name: None if pd.isna(getattr(row, name)) else getattr(row, name) for name in ("age", "sex")}
    image = torch.from_numpy(np.asarray(grey).copy()).float()[None] / 255
    return {"image": image, "label": int(row.view == "PA"), "patient": row.subject_id, **known}
