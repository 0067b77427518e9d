import os
import subprocess
import sys
from pathlib import Path

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


@pytest.mark.slow
def test_large_buffers_are_of_huge_pages():
    setting = Path("/sys/kernel/mm/transparent_hugepage/enabled")
    if not setting.exists() or "[never]" in setting.read_text():
        pytest.skip("this system has no huge pages")
    code = (
        "import resource, torch, remnant.engine.device\n"
        "def faults(): return resource.getrusage(resource.RUSAGE_SELF).ru_minflt\n"
        "before = faults(); torch.ones(2**24); print(faults() - before)"
    )

    def faults(**setting: str) -> int:
        bare = {name: value for name, value in os.environ.items() if name != "THP_MEM_ALLOC_ENABLE"}
        command = [sys.executable, "-c", code]
        return int(subprocess.run(command, capture_output=True, text=True, check=True, env=bare | setting).stdout)

    assert faults() < 0.2 * faults(THP_MEM_ALLOC_ENABLE="0")
