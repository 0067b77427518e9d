"""In which precision somebody else's training computes: as it says itself, and faster where it says nothing."""

import contextlib
from collections.abc import Iterator

import torch

from remnant.engine.device import fabric, fast_bfloat16


@contextlib.contextmanager
def fast_products(*, bfloat16: bool) -> Iterator[None]:
    """Inside, a GPU multiplies float32 matrices in TensorFloat-32, in which PyTorch convolves by default, unless somebody chose.

    With `bfloat16` products and convolutions are bfloat16's where matrix units make that pay: weights, sums, losses and steps
    stay in float32. What the training casts itself is as it casts it.
    """
    before = torch.get_float32_matmul_precision()
    if before == "highest" and torch.cuda.is_available():
        torch.set_float32_matmul_precision("high")
    asked = bfloat16 and fast_bfloat16()
    # Weights that were cast are kept until the outermost autocast ends, which here is a whole training: it would learn nothing.
    cast = (
        torch.autocast(fabric().device.type, torch.bfloat16, cache_enabled=False) if asked else contextlib.nullcontext()
    )
    try:
        with cast:
            yield
    finally:
        torch.set_float32_matmul_precision(before)
