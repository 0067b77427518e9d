"""Checkpoints as other people write them."""

import pytest
import torch

from remnant.targets.known.densenet import BLOCKS, densenet_layout
from remnant.targets.known.resnet import resnet_layout
from remnant.targets.known.vit import vit_layout


def weights(layout, steps=120):
    """Random numbers of these shapes, as after so many steps."""
    torch.manual_seed(0)
    return {
        name: torch.tensor(steps) if name.endswith("num_batches_tracked") else torch.rand(shape) + 0.1
        for name, shape in layout.items()
    }


@pytest.fixture(scope="session")
def state():
    """`state(name)`: a state_dict of torchvision's names, new each time; the ViT has 2 blocks of width 64 at 32 pixels."""
    layouts = {
        "resnet18": resnet_layout("resnet18", 2, 3, 1),
        "resnet18_3d": resnet_layout("resnet18", 3, 1, 2),
        "densenet121": densenet_layout(BLOCKS["densenet121"], 2, 1, 2),
        "vit": vit_layout((64, 3, 8, 8), 2, 128, 17, 1),
    }
    made = {}

    def of(name):
        made.setdefault(name, weights(layouts[name]))
        return dict(made[name])

    return of
