"""Inversion of latents, of any network: a ridge regression from the latents of the attacker's warped images to these images.

The attack of Subbanna 2021 in the form that needs no knowledge of the network: the attacker encodes images of his own, learns
the way back, and goes it with latents of people whose images he never sees. A linear decoder is solved in closed form, treats
every place of the image on its own, and was on brains as strong as decoders with depth.
"""

import pydantic
import torch
from torch import Tensor

from remnant.attacks.attack import Attack, Reconstructions, Work
from remnant.base.config import Settings
from remnant.base.seeds import Seeds
from remnant.cohort.images import Images
from remnant.cohort.warp import WarpSettings, apply_warp, draw_warp
from remnant.engine.cost import timed
from remnant.targets.audited import Audited
from remnant.targets.seen import SeenLatents

FEWEST = 5  # patients of the attacker's own
VALUES = 2**28  # of all pairs' images together, at most
TRIED = 16  # pairs, when the regression is timed
VIEW = "latents of the layer that the recipient sees"
PENALTIES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)


class InversionSettings(Settings):
    """`pairs` of latent and image are drawn of warped images; `penalty` of the squared weights as a share of the mean squared
    length of a latent, None for the best of a few on the attacker's own people, held out in turn."""

    pairs: int = pydantic.Field(default=400, ge=2)
    penalty: float | None = pydantic.Field(default=None, gt=0)
    warp: WarpSettings = WarpSettings(elastic=1.2, lattice=(10, 10), gamma=0, side=64, bounded=False)


def invert(access: SeenLatents, own: Images, settings: InversionSettings, work: Work) -> list[Reconstructions]:
    """One claim: an image for every latent."""
    images, latents, whose = _pairs(access, own, settings, work.seeds)
    drawn = ridge(latents, images, access.latents.flatten(1), whose, settings.penalty)
    mean = images.mean(0)
    shape = access.shape
    return [Reconstructions(VIEW, access.patients, drawn.reshape(-1, *shape), mean.reshape(shape))]


def ridge(latents: Tensor, images: Tensor, asked: Tensor, whose: Tensor, penalty: float | None) -> Tensor:
    """Images (m, values) for the latents `asked` (m, d), by ridge regression (Hoerl and Kennard 1970) of `images` (n, values) on
    `latents` (n, d), in its dual form; `whose` (n,) person each pair is of.

    Entries of a latent are scaled to unit spread. The penalty, unless it is given, is that with the least squared error on
    persons who were left out.
    """
    centre, scale = latents.mean(0), latents.std(0).clamp(min=1e-6)
    scaled = ((latents - centre) / scale).double() / latents.shape[1] ** 0.5
    new = ((asked - centre) / scale).double() / latents.shape[1] ** 0.5
    kernel, mean = scaled @ scaled.T, images.mean(0)
    apart = images - mean
    if penalty is None:
        penalty = min(PENALTIES, key=lambda one: _left_out(kernel, apart, whose, one))
    weights = (new @ scaled.T) @ _solved(kernel, penalty)
    return mean + weights.to(images.dtype) @ apart


def _solved(kernel: Tensor, penalty: float) -> Tensor:
    return torch.linalg.inv(kernel + penalty * kernel.diagonal().mean() * torch.eye(len(kernel), dtype=kernel.dtype))


def _left_out(kernel: Tensor, images: Tensor, whose: Tensor, penalty: float) -> float:
    """Squared error on each person's images by a regression without him, in two parts of the persons."""
    people = whose.unique()
    error = 0.0
    for part in range(2):
        out = torch.isin(whose, people[part::2])
        weights = kernel[out][:, ~out] @ _solved(kernel[~out][:, ~out], penalty)
        error += float((weights.to(images.dtype) @ images[~out] - images[out]).square().sum())
    return error


def _pairs(
    access: SeenLatents, own: Images, settings: InversionSettings, seeds: Seeds
) -> tuple[Tensor, Tensor, Tensor]:
    """Images (pairs, values) and latents (pairs, d), everybody as often, the images as they are first, and whose each is."""
    drawing = seeds.child("warps").torch()
    spatial = access.shape[1:]
    pairs = _count(own, settings)
    people = {patient: i for i, patient in enumerate(dict.fromkeys(own.patients))}
    images, latents, whose = [], [], []
    for i in range(pairs):
        image = own.images[i % len(own)]
        warped = image if i < len(own) else apply_warp(image[None], draw_warp(spatial, settings.warp, drawing))[0]
        images.append(warped.flatten())
        latents.append(access.encode(warped[None]).flatten())
        whose.append(people[own.patients[i % len(own)]])
    return torch.stack(images), torch.stack(latents), torch.tensor(whose)


def _count(own: Images, settings: InversionSettings) -> int:
    return max(len(own), min(settings.pairs, VALUES // own.images[0].numel()))


def _cost(access: SeenLatents, own: Images, settings: InversionSettings, work: Work) -> float:
    """A pair is warped and encoded once; the regression grows with the square of their number."""
    image, spatial, drawing = own.images[0], access.shape[1:], work.seeds.torch()
    pairs = _count(own, settings)

    def pair() -> Tensor:
        return access.encode(apply_warp(image[None], draw_warp(spatial, settings.warp, drawing)))

    latents = torch.rand(TRIED, access.latents[0].numel(), generator=drawing)
    images = torch.rand(TRIED, image.numel(), generator=drawing)
    whose = torch.arange(TRIED)
    fitted = timed(lambda: ridge(latents, images, access.latents.flatten(1), whose, settings.penalty))
    return pairs * timed(pair) + fitted * (pairs / TRIED) ** 2


def _invertible(target: Audited, candidates: Images, own: Images | None) -> str:
    if own is None or len(set(own.patients)) < FEWEST:
        return f"the attacker has images of fewer than {FEWEST} people of his own: mark some by member = None"
    if len({tuple(image.shape) for image in (*candidates.images, *own.images)}) > 1:
        return "images have several shapes; let data() crop or pad them alike"
    return ""


INVERSION = Attack(
    "inversion",
    "images reconstructed from latents by a decoder that was learned on the attacker's own people",
    access="latents",
    claim="reconstructions",
    run=invert,
    source="Subbanna et al. 2021, ridge regression as decoder",
    applies=_invertible,
    needs="images of the attacker's own, for which non-members stand in",
    settings=InversionSettings,
    cost=_cost,
)
