"""From a radiograph to what a classifier was trained on: size, channels and range."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from remnant.base.errors import RemnantError


@dataclass(frozen=True)
class InputRange:
    """The input of a classifier: `size` pixels a side, `channels`, each shifted by `mean` and divided by `std`.

    `mean` and `std` hold one number for all channels or one for each, for images in [0, 1]: (0,) and (1,) leave the range
    as it is; torchvision's weights want ImageNet's.
    """

    size: int
    channels: int = 3
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)

    def __post_init__(self) -> None:
        for name, values in (("mean", self.mean), ("std", self.std)):
            if len(values) not in (1, self.channels):
                wanted = "1 number" if self.channels == 1 else f"1 or {self.channels} numbers"
                raise RemnantError(f"The {name} of an input range must have {wanted}. Got {values} instead.")
        if min(self.std) <= 0:
            raise RemnantError(f"The std of an input range must be positive. Got {self.std} instead.")

    def __call__(self, images: Tensor) -> Tensor:
        """Images (n, 1, N, N) in [0, 1] as the target expects them, (n, channels, size, size), differentiable.

        Resized by bilinear interpolation with anti-aliasing, where the side differs. Raises `RemnantError` for images that
        are not square or have more than one channel.
        """
        if images.dim() != 4 or images.shape[1] != 1 or images.shape[2] != images.shape[3]:
            raise RemnantError(
                "Radiographs must be square with one channel, shape (n, 1, N, N). "
                f"Got {tuple(images.shape)} instead; convert colour to grey and pad or crop to a square."
            )
        if images.shape[-1] != self.size:
            images = functional.interpolate(
                images, size=(self.size, self.size), mode="bilinear", antialias=True, align_corners=False
            )
        mean, std = (
            torch.tensor(values, device=images.device).reshape(1, -1, 1, 1) for values in (self.mean, self.std)
        )
        return ((images - mean) / std).expand(-1, self.channels, -1, -1)
