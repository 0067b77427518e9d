"""MONAI's UNet, trained by MONAI's SupervisedTrainer on 12 brains: `python target.py` trains it, `remnant audit .` audits it."""

import sys
from pathlib import Path

from monai.networks.nets import UNet

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
import brains  # noqa: E402


def build() -> UNet:
    return UNet(3, 1, len(brains.CLASSES), (16, 32, 64, 128), (2, 2, 2), num_res_units=2)


def data() -> list[dict]:
    return brains.prepared()


if __name__ == "__main__":
    brains.train(build(), HERE / "model.pt", epochs=60)
