import pytest
import torch
from torch import nn

from remnant.engine.device import as_batch, place


@pytest.mark.parametrize(
    ("layer", "shape", "layout"),
    [
        (nn.Conv2d(2, 3, 3), (2, 2, 5, 5), torch.channels_last),
        (nn.Conv3d(2, 3, 3), (2, 2, 5, 5, 5), torch.channels_last_3d),
    ],
)
def test_images_and_volumes_and_their_networks_are_channels_last(layer, shape, layout):
    model = place(nn.Sequential(layer, nn.Flatten()))
    assert layer.weight.is_contiguous(memory_format=layout) and not layer.weight.is_contiguous()
    batch = as_batch(torch.rand(shape))
    assert batch.is_contiguous(memory_format=layout) and not batch.is_contiguous()
    assert model(batch).shape[0] == 2


def test_a_network_may_hold_images_without_a_layer_for_them():
    model = nn.Module()
    model.register_buffer("images", torch.rand(2, 2, 5, 5))
    assert place(model).images.is_contiguous(memory_format=torch.channels_last)
