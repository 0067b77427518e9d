"""Latents and images of a generator, and what every attack on a checkpoint gives: candidates."""

import copy
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from remnant.engine.device import fabric, place

# Images that a generator draws at a time where no gradient is kept.
BATCH = 32


@dataclass(frozen=True)
class Samples:
    """What an attack drew: `images` (k, 1, N, N), float32 in [0, 1], on the CPU.

    `scores` (k,): what the attack itself thinks of each, lower is likelier; None where it has no opinion.
    """

    images: Tensor
    scores: Tensor | None


def frozen(model: nn.Module) -> nn.Module:
    """A copy on the device, in evaluation mode, whose weights take no gradient."""
    return place(copy.deepcopy(model)).eval().requires_grad_(False)


def draw_latents(generator: nn.Module, count: int, drawing: torch.Generator) -> Tensor:
    """Standard normal latents (count, generator.latent) on the device; the same numbers on every device."""
    return torch.randn(count, generator.latent, generator=drawing).to(fabric().device)


@torch.no_grad()
def draw_images(generator: nn.Module, latents: Tensor, *, clamp: bool = True) -> Tensor:
    """Images (n, 1, N, N), float32 on the CPU, of `latents` (n, latent), a batch at a time; in [0, 1] if they are clamped."""
    device = next(generator.parameters()).device
    images = torch.cat([generator(batch.to(device)).float().cpu() for batch in latents.split(BATCH)])
    return images.clamp(0, 1) if clamp else images
