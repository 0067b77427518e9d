"""The noise on what a client sends."""

from collections.abc import Callable

import torch
from torch import Tensor

from remnant.base.seeds import Seeds

LARGEST_BLUR = 1.0  # of codes in [0, 1], beyond which hardly anything is left of them


def blurred(codes: Tensor, size: float, drawing: torch.Generator) -> Tensor:
    """Codes in [0, 1] plus normal noise of the standard deviation `size`, drawn on the CPU, in [0, 1]; as they are at 0."""
    if not size:
        return codes
    noise = torch.randn(codes.shape, generator=drawing).to(codes)
    return (codes + size * noise).clamp(0, 1)


def sender(encode: Callable[[Tensor], Tensor], size: float, seeds: Seeds) -> Callable[[int, Tensor], Tensor]:
    """`sent(step, scans)`: in training, what leaves of scans in a step: their codes with noise, which the step alone draws."""
    return lambda step, scans: blurred(encode(scans), size, seeds.child("noise", step).torch())
