"""The brains as MONAI's own transforms give them: 3 mm, 12 patients who train a network and 12 who do not."""

from pathlib import Path

import numpy as np
import pandas as pd
import torch
from monai.engines import SupervisedTrainer
from monai.losses import DiceCELoss
from monai.transforms import (
    Compose,
    EnsureChannelFirstd,
    LoadImaged,
    MapLabelValued,
    Orientationd,
    RandAffined,
    ResizeWithPadOrCropd,
    ScaleIntensityRangePercentilesd,
    Spacingd,
)
from torch.utils.data import DataLoader, Dataset

DATA = Path(__file__).resolve().parents[2] / "data" / "brains"
SIDE, SPACING = (64, 80, 64), 3.0
CLASSES = ("none", "gm", "wm", "nuclei", "csf_int", "csf_ext")
SEED = 0


def scans() -> pd.DataFrame:
    """A row a scan, the first of each patient, with `member` drawn by halves."""
    table = pd.read_csv(DATA / "manifest.csv").drop_duplicates("subject_id").sort_values("subject_id")
    order = np.random.default_rng(SEED).permutation(len(table))
    return table.assign(member=np.isin(np.arange(len(table)), order[: len(table) // 2]))


def prepared() -> list[dict]:
    """Every scan as the networks take it: image (1, *SIDE) in [0, 1], label (*SIDE) of `CLASSES`."""
    labels = pd.read_csv(DATA / "labels.csv")
    names = {
        int(label): CLASSES.index(tissue) for label, tissue in zip(labels["label"], labels["tissue5"], strict=True)
    }
    both = ("image", "label")
    change = Compose(
        [
            LoadImaged(both),
            EnsureChannelFirstd(both),
            MapLabelValued("label", list(names), list(names.values())),
            Orientationd(both, "RAS"),
            Spacingd(both, (SPACING,) * 3, mode=("bilinear", "nearest")),
            ScaleIntensityRangePercentilesd("image", 1, 99, 0, 1, clip=True),
            ResizeWithPadOrCropd(both, SIDE),
        ]
    )
    items = []
    for row in scans().itertuples():
        found = change({"image": DATA / row.image, "label": DATA / row.label})
        image, label = (torch.as_tensor(np.asarray(found[key])) for key in both)
        about = {"patient": row.subject_id, "member": row.member, "age": row.age, "sex": row.sex}
        items.append({"image": image.float(), "label": label[0].round().long(), **about})
    return items


class Augmented(Dataset):
    """Members, each changed a little anew every time."""

    def __init__(self, items: list[dict]) -> None:
        self.items = items
        self.change = RandAffined(
            ("image", "label"),
            prob=1.0,
            rotate_range=0.1,
            scale_range=0.1,
            mode=("bilinear", "nearest"),
            padding_mode="zeros",
        ).set_random_state(SEED)

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, place: int) -> dict:
        item = self.items[place]
        found = self.change({"image": item["image"], "label": item["label"][None].float()})
        return {
            "image": torch.as_tensor(np.asarray(found["image"])),
            "label": torch.as_tensor(np.asarray(found["label"])),
        }


def train(network: torch.nn.Module, path: Path, epochs: int) -> None:
    """Train by MONAI's own engine and loss, and save the state_dict."""
    torch.manual_seed(SEED)
    members = [item for item in prepared() if item["member"]]
    trainer = SupervisedTrainer(
        device=torch.device("cpu"),
        max_epochs=epochs,
        train_data_loader=DataLoader(Augmented(members), batch_size=2, shuffle=True),
        network=network,
        optimizer=torch.optim.AdamW(network.parameters(), 1e-3),
        loss_function=DiceCELoss(to_onehot_y=True, softmax=True),
    )
    trainer.run()
    torch.save(network.state_dict(), path)
