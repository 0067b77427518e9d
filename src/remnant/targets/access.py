"""What an attacker sees of a target. An attack's signature takes one of these, so that it cannot cheat."""

import copy
from collections.abc import Callable
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

    encoder: Callable[[Tensor], Tensor]
    latents: Tensor


@dataclass(frozen=True)
class Codes:
    """What the holder of a server sees of patients whose scans it never sees, and the means to make the like of its own.

    `view` maps scans (n, 1, x, y, z) in [0, 1] to what is seen of them, (n, c, x, y, z): codes, since the client's software is
    no secret, or the label maps that the server makes of codes. `codes` (m, c, x, y, z), float32, on the CPU.
    """

    view: Callable[[Tensor], Tensor]
    codes: Tensor


@dataclass(frozen=True)
class Weights:
    """The whole frozen target, and nothing that it ever made of a patient.

    `target` is a copy whose weights take no gradient, in evaluation mode: a segmenter, from (n, 1, x, y, z) in [0, 1] to logits
    (n, classes, x, y, z), or a classifier, from what `InputRange` makes of radiographs to logits (n, classes).
    """

    target: nn.Module


def latents_of(target: Segmenter, images: Tensor) -> Latents:
    """The access of Subbanna 2021: `images` (m, 1, x, y, z) go through the encoder, and only latents leave."""
    encoder = copy.deepcopy(target.encoder).eval().requires_grad_(False)
    return Latents(encoder, encode(encoder, images))


def weights_of(target: nn.Module) -> Weights:
    """The access of somebody who has the checkpoint and no latents."""
    return Weights(copy.deepcopy(target).eval().requires_grad_(False))


@torch.no_grad()
def encode(encoder: Callable[[Tensor], Tensor], images: Tensor) -> Tensor:
    """What `encoder`, or a view, makes of `images` (n, 1, x, y, z), two at a time: (n, c, x', y', z'), float32, on the CPU."""
    return torch.cat([encoder(batch).float().cpu() for batch in in_batches(images)])
