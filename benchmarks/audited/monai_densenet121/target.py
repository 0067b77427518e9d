"""MONAI's DenseNet121, trained by MONAI's SupervisedTrainer on radiographs: `python target.py`, then `remnant audit .`."""

import sys
from pathlib import Path

import torch
from monai.engines import SupervisedTrainer
from monai.networks.nets import DenseNet121
from torch.utils.data import DataLoader

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
import radiographs  # noqa: E402

SIDE, EPOCHS = 96, 12


def build() -> DenseNet121:
    return DenseNet121(2, 1, 2)


def data() -> list[dict]:
    return radiographs.prepared(SIDE)


if __name__ == "__main__":
    torch.manual_seed(radiographs.SEED)
    network = build()
    SupervisedTrainer(
        device=torch.device("cpu"),
        max_epochs=EPOCHS,
        train_data_loader=DataLoader(radiographs.members(SIDE), batch_size=16, shuffle=True),
        network=network,
        optimizer=torch.optim.AdamW(network.parameters(), 5e-4),
        loss_function=torch.nn.CrossEntropyLoss(),
    ).run()
    torch.save(network.state_dict(), HERE / "model.pt")
