"""MONAI's SegResNet, trained by MONAI's SupervisedTrainer on 12 brains: `python target.py`, then `remnant audit .`."""

import sys
from pathlib import Path

from monai.networks.nets import SegResNet

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
import brains  # noqa: E402


def build() -> SegResNet:
    return SegResNet(3, 8, 1, len(brains.CLASSES), dropout_prob=None)


def data() -> list[dict]:
    return brains.prepared()


if __name__ == "__main__":
    brains.train(build(), HERE / "model.pt", epochs=60)
