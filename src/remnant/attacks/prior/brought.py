"""What an attacker brings to draw images with: a generator that never saw the model, and how the model takes what it draws."""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from remnant.attacks.prior.files import Prior, load_discriminator, load_prior
from remnant.base.errors import RemnantError
from remnant.base.provenance import sha256
from remnant.cohort.images import Images, stacked
from remnant.targets.inputs import InputRange

SMALLEST = 16  # pixels a side: the window of SSIM has 11
SLACK = 0.05  # of grey values outside of [0, 1], which interpolation leaves


@dataclass(frozen=True)
class BroughtPrior:
    """`generator` from latents (n, latent) to images (n, 1, N, N) in [0, 1], and `input_range` from these to the model's.

    `discriminator` of its training, None where nobody kept it; `digest`: SHA-256 of its file.
    """

    generator: nn.Module
    input_range: InputRange
    discriminator: nn.Module | None = None
    digest: str = ""

    def grey(self, images: Images) -> Tensor:
        """Images (channels, S, S) as the model takes them, in [0, 1] as the generator draws them: (n, 1, S, S)."""
        batch = stacked(images.images)
        mean, std = (
            torch.tensor(values).reshape(1, -1, 1, 1) for values in (self.input_range.mean, self.input_range.std)
        )
        return (batch * std + mean).mean(1, keepdim=True).clamp(0, 1)


def comparable_prior(path: Path) -> Prior:
    """The prior in the file `path`; raises `RemnantError` for a file that holds none, and one that draws too small images."""
    prior = load_prior(path)
    if prior.side < SMALLEST:
        raise RemnantError(
            f"The prior {path} draws images of {prior.side} pixels, too few to compare; train one of {SMALLEST} or more."
        )
    return prior


def bring_prior(
    path: Path, images: Images, mean: tuple[float, ...], std: tuple[float, ...], source: str
) -> BroughtPrior | None:
    """The prior in the file `path`, for a model that takes `images`, which `mean` and `std` made of greys in [0, 1].

    None where the model takes no square images of one size. Raises `RemnantError` as `comparable_prior` does, and for images of
    other greys, which `source` gives.
    """
    shapes = {tuple(image.shape) for image in images.images}
    shape = next(iter(shapes))
    prior = comparable_prior(path)
    if len(shapes) > 1 or len(shape) != 3 or shape[1] != shape[2]:
        return None
    input_range = InputRange(shape[1], shape[0], mean, std)
    shift, scale = (torch.tensor(values).reshape(-1, 1, 1) for values in (mean, std))
    ends = [float((end * scale + shift).min()) for end in images.images]
    tops = [float((end * scale + shift).max()) for end in images.images]
    if min(ends) < -SLACK or max(tops) > 1 + SLACK:
        raise RemnantError(
            f"With mean and std of [prior] undone, the images of {source} reach from {min(ends):.2f} to {max(tops):.2f} and not "
            "from 0 to 1; give the mean and std by which they are normalised."
        )
    return BroughtPrior(prior.generator, input_range, load_discriminator(path), sha256(path))
