"""What an attacker sees of a target. An attack's signature takes one of these, so that it cannot cheat."""

import copy
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from remnant.engine.device import in_batches
from remnant.nets.segmenter import Segmenter


@dataclass(frozen=True)
class Latents:
    """The frozen encoder, and the latents of patients whose scans the attacker never sees.

    `encoder` maps (n, 1, x, y, z) in [0, 1] to (n, c, x', y', z'); it is a copy without the task's decoder, and its
    weights take no gradient. `latents` (m, c, x', y', z'), float32, on the CPU.
    """

    encoder: nn.Module
    latents: Tensor


def latents_of(target: Segmenter, images: Tensor) -> Latents:
    """The access of Subbanna 2021: `images` (m, 1, x, y, z) go through the encoder, and only latents leave."""
    encoder = copy.deepcopy(target.encoder).eval().requires_grad_(False)
    return Latents(encoder, encode(encoder, images))


@torch.no_grad()
def encode(encoder: nn.Module, images: Tensor) -> Tensor:
    """Latents (n, c, x', y', z') of `images` (n, 1, x, y, z), two scans at a time, float32 on the CPU."""
    return torch.cat([encoder(batch).float().cpu() for batch in in_batches(images)])
