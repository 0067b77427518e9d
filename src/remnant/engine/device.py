"""Where and in which precision networks run, chosen by what the machine does fast."""

import logging
import os
from collections.abc import Iterator
from functools import cache
from itertools import chain
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from remnant.base.importing import importing
from remnant.engine.shared import joined

if TYPE_CHECKING:
    from lightning_fabric import Fabric

# Each step asks for the same large buffers anew, and the system clears every page that it gives out: with huge pages a step of
# a decoder on 64x80x64 volumes took a tenth less. PyTorch reads this when it first allocates; workers inherit it.
os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")

# Channels last, by the number of axes of an image batch or of a convolution's kernel.
MEMORY_FORMATS = {4: torch.channels_last, 5: torch.channels_last_3d}


def fast_bfloat16() -> bool:
    """Whether matrix units make bfloat16 pay."""
    if torch.cuda.is_available():
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.cpu._is_amx_tile_supported()


@cache
def fabric() -> "Fabric":
    """One GPU if there is one, else the CPU; bfloat16 autocast only where matrix units make it pay.

    Of several processes that train together each has the GPU of its own number.

    Without AMX a CPU emulates bfloat16 convolutions: on a 64x80x64 volume they were seen to take a hundred times as long.
    """
    # A second to import, for torch's compiler: whoever gave a wrong path hears of it before that.
    with importing():
        from lightning_fabric import Fabric

    # It would tell everybody which precision it uses, each process anew.
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
    devices = [int(os.environ["LOCAL_RANK"])] if joined() > 1 and torch.cuda.is_available() else 1
    return Fabric(accelerator="auto", devices=devices, precision="bf16-mixed" if fast_bfloat16() else "32-true")


def place(model: nn.Module) -> nn.Module:
    """The network, of images or of volumes, on the device, its convolution kernels in channels-last order."""
    planar = any(tensor.dim() == 4 for tensor in chain(model.parameters(), model.buffers()))
    return model.to(device=fabric().device, memory_format=MEMORY_FORMATS[4 if planar else 5])


def as_batch(images: Tensor) -> Tensor:
    """Images (n, c, x, y) or volumes (n, c, x, y, z) on the device, channels last."""
    return images.to(device=fabric().device).contiguous(memory_format=MEMORY_FORMATS[images.dim()])


def in_batches(images: Tensor) -> Iterator[Tensor]:
    """Images (n, c, x, y, z) two at a time by `as_batch`.

    Two, since PyTorch's fast convolutions on a CPU are for batches of more than one; single scans take more than
    twice as long.
    """
    for images_of_batch in images.split(2):
        yield as_batch(images_of_batch)
