"""The linear inversion decoder: ridge regression from latents of warped scans to these scans, in closed form."""

import pydantic
import torch
from torch import Tensor

from remnant.base.config import Settings
from remnant.base.seeds import Seeds
from remnant.cohort.warp import WarpSettings, apply_warp, draw_warp
from remnant.engine.device import place
from remnant.engine.loop import EpochReport
from remnant.nets.linear import LinearDecoder
from remnant.targets.access import Latents, encode

# Voxels whose products between images are summed at one time, in single precision.
BLOCK = 2**14


class LinearSettings(Settings):
    """`pairs` are drawn of warped scans, and kept in memory in half precision.

    `penalty`: of the squared weights, as a share of the mean squared length of a latent whose channels have unit spread.
    `components`: at most so many images are mixed; that bounds the size of a kept decoder, not its sharpness. A linear
    decoder blurs what a stronger warp asks of it, so that the warps are milder than those of decoders with depth.
    """

    pairs: int = pydantic.Field(default=600, ge=2)
    penalty: float = pydantic.Field(default=0.01, gt=0)
    components: int = pydantic.Field(default=300, ge=1)
    warp: WarpSettings = WarpSettings(elastic=1.2, lattice=(10, 10))


def train_linear(
    access: Latents, own: Tensor, settings: LinearSettings, seeds: Seeds, report: EpochReport
) -> LinearDecoder:
    """The ridge regression (Hoerl and Kennard 1970) of the attacker's `own` scans (n, 1, x, y, z) in [0, 1], warped anew.

    It is solved in its dual form, since there are fewer pairs than entries of a latent. `report` hears of the mean squared
    error on the pairs, once.
    """
    latents, images = _draw_pairs(access, own, settings, seeds)
    count = len(images)
    centre, scale = latents.mean(0, keepdim=True), latents.std((0, 2, 3, 4), keepdim=True).clamp(min=1e-6)
    scaled = ((latents - centre) / scale).flatten(1)
    flat, mean = images.flatten(1), images.mean(0, dtype=torch.float32)

    # Principal components of the images, by their inner products: there are fewer images than voxels.
    products = torch.zeros(count, count, dtype=torch.float64)
    for block, centre_block in zip(flat.split(BLOCK, 1), mean.flatten().split(BLOCK), strict=True):
        centred = block.float() - centre_block
        products += (centred @ centred.T).double()
    lengths, vectors = torch.linalg.eigh(products)
    kept = torch.arange(count - 1, max(-1, count - 1 - settings.components), -1)
    # Less than that is rounding.
    kept = kept[lengths[kept] > 1e-6 * lengths[-1]]
    lengths, vectors = lengths[kept].sqrt(), vectors[:, kept]

    kernel = (scaled @ scaled.T).double()
    penalty = settings.penalty * kernel.diagonal().mean()
    # Strengths of the components in each image are its targets.
    targets = vectors * lengths
    dual = torch.linalg.solve(kernel + penalty * torch.eye(count, dtype=torch.float64), targets)
    left = (targets - kernel @ dual).square().sum() + products.trace() - lengths.square().sum()
    report(0, float(left / images.numel()), None)

    model = LinearDecoder(tuple(latents.shape[1:]), tuple(own.shape[2:]), len(kept))
    model.centre.copy_(centre)
    model.scale.copy_(scale)
    model.mean.copy_(mean)
    model.weights.copy_((scaled.double().T @ dual).float())
    mixing = (vectors / lengths).T.float()
    blocks = zip(flat.split(BLOCK, 1), mean.flatten().split(BLOCK), model.basis.split(BLOCK, 1), strict=True)
    for block, centre_block, basis in blocks:
        basis.copy_(mixing @ (block.float() - centre_block))
    return place(model).eval()


def _draw_pairs(access: Latents, own: Tensor, settings: LinearSettings, seeds: Seeds) -> tuple[Tensor, Tensor]:
    """Latents (pairs, c, x', y', z') and images (pairs, 1, x, y, z), the latter in half precision; everybody as often."""
    drawing = seeds.child("warps").torch()
    latents, images = [], []
    # Two at a time, as the encoder is fastest.
    for first in range(0, settings.pairs, 2):
        chosen = [i % len(own) for i in range(first, min(first + 2, settings.pairs))]
        warped = torch.cat(
            [apply_warp(own[i : i + 1], draw_warp(tuple(own.shape[2:]), settings.warp, drawing)) for i in chosen]
        )
        latents.append(encode(access.encoder, warped))
        images.append(warped.half())
    return torch.cat(latents), torch.cat(images)
