"""Augmentation of radiographs: random shift, rotation, scale and grey values; never mirrored, since chests have a left side."""

import math
from typing import NamedTuple

import pydantic
import torch
from torch import Tensor
from torch.nn import functional

from remnant.base.config import Settings


class Changes(NamedTuple):
    """What happens to each of n images: `affine` (n, 2, 3) from new to old places, as `affine_grid` takes it, both in -1 to 1;
    `contrast` and `brightness` (n,), what the distance from the image's mean is multiplied by, and what is added."""

    affine: Tensor
    contrast: Tensor
    brightness: Tensor


class Augmentation(Settings):
    """How far images are changed at most, each way and evenly drawn.

    `shift` along each axis as a share of the side, `rotation` in degrees, `scale` and `contrast` as a share of 1, `brightness`
    in grey values.
    """

    shift: float = pydantic.Field(default=0.06, ge=0, lt=0.5)
    rotation: float = pydantic.Field(default=8.0, ge=0, le=45)
    scale: float = pydantic.Field(default=0.1, ge=0, lt=1)
    contrast: float = pydantic.Field(default=0.2, ge=0, lt=1)
    brightness: float = pydantic.Field(default=0.1, ge=0, lt=1)

    def draw(self, count: int, drawing: torch.Generator) -> Changes:
        """Changes for `count` images, on the CPU."""
        right, down, turn, scale, contrast, brightness = 2 * torch.rand(6, count, generator=drawing) - 1
        angle, size = turn * math.radians(self.rotation), 1 + scale * self.scale
        cosine, sine = angle.cos() / size, angle.sin() / size
        # Half a side is 1 in the grid's units.
        rows = [cosine, -sine, 2 * self.shift * right, sine, cosine, 2 * self.shift * down]
        affine = torch.stack(rows, 1).reshape(count, 2, 3)
        return Changes(affine, 1 + contrast * self.contrast, brightness * self.brightness)


def augment(images: Tensor, changes: Changes) -> Tensor:
    """Images (n, 1, h, w) in [0, 1] so changed, in [0, 1]; what comes in from outside repeats the border."""
    affine, contrast, brightness = (part.to(images.device) for part in changes)
    mean = images.mean((1, 2, 3), keepdim=True)
    images = (images - mean) * contrast.reshape(-1, 1, 1, 1) + mean + brightness.reshape(-1, 1, 1, 1)
    grid = functional.affine_grid(affine, list(images.shape), align_corners=False)
    return functional.grid_sample(images.clamp(0, 1), grid, padding_mode="border", align_corners=False)
