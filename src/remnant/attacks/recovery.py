"""Recovered latents: the whole target is known, but nobody hands any latent over.

Subbanna 2021 takes the private latents as given and hints how to find them: the network "is more confident about
segmentations for latent space elements that are close to the real training data". So search for latents of which the
target segments with confidence, among those that a head can have, and let an inversion decoder draw them. An experiment:
read it beside its control, the random latents that each search started from.
"""

import math
from dataclasses import dataclass
from typing import Literal

import pydantic
import torch
from torch import Tensor, nn
from torch.nn import functional

from remnant.base.config import Settings
from remnant.base.errors import RemnantError
from remnant.base.seeds import Seeds
from remnant.cohort.warp import WarpSettings, apply_warp, draw_warp
from remnant.engine.device import as_batch, fabric
from remnant.nets.segmenter import Segmenter
from remnant.targets.access import Weights, encode


class RecoverySettings(Settings):
    """The search.

    `images` are recovered, each in `steps` of Adam at `rate` in units of a standard deviation of heads' latents, of which
    `components` principal components of `samples` warped scans are searched. `prior` weighs the half mean square of these
    coordinates against the entropy in nats. `route`: the target segments the drawing of the latent (`image`), which any
    target can; or its decoder takes the latent itself (`latent`), as the paper hints, which a U-Net cannot, since its
    decoder also wants skip connections that belong to no image.
    """

    images: int = pydantic.Field(default=16, ge=1)
    steps: int = pydantic.Field(default=60, ge=0)
    rate: float = pydantic.Field(default=0.1, gt=0)
    components: int = pydantic.Field(default=40, ge=1)
    samples: int = pydantic.Field(default=120, ge=2)
    prior: float = pydantic.Field(default=0.05, ge=0)
    route: Literal["image", "latent"] = "image"
    warp: WarpSettings = WarpSettings()


@dataclass(frozen=True)
class Recovered:
    """`images` (k, 1, x, y, z) in [0, 1]; `control`, the same of the random latents that the searches started from.

    `entropy` and `control_entropy` (k,): the target's uncertainty about either, in nats a voxel of the head.
    """

    images: Tensor
    control: Tensor
    entropy: Tensor
    control_entropy: Tensor


@dataclass(frozen=True)
class LatentSpace:
    """Where latents of heads lie: `centre` (c, x, y, z) and `axes` (components, c, x, y, z), one standard deviation long."""

    centre: Tensor
    axes: Tensor

    def at(self, coordinates: Tensor) -> Tensor:
        """Latents (n, c, x, y, z) at `coordinates` (n, components); independent normal ones look like heads."""
        return self.centre + torch.tensordot(coordinates, self.axes, dims=1)


def recover(access: Weights, own: Tensor, decoder: nn.Module, settings: RecoverySettings, seeds: Seeds) -> Recovered:
    """Search latents of which the target is sure, and draw them by `decoder`.

    `own` (n, 1, x, y, z) in [0, 1] are the attacker's scans; `decoder` an inversion decoder that it trained on the target's
    encoder with them. Raises `RemnantError` for the route `latent` on a target whose decoder takes more than the latent.
    """
    if settings.route == "latent" and (access.target.decoder.skips or access.target.unpool != "none"):
        raise RemnantError(
            "The route 'latent' needs a target whose decoder takes nothing but the latent. This one wants skip connections "
            "or pooling indices; use the route 'image'."
        )
    space = latent_space(access.target.encoder, own, settings, seeds)
    head = as_batch((own.mean(0, keepdim=True) > 0).float())[:, 0]
    starts = torch.randn(settings.images, len(space.axes), generator=seeds.child("starts").torch())
    found = [_search(access.target, decoder, space, head, start, settings) for start in starts.split(2)]
    return Recovered(*(torch.cat(parts) for parts in zip(*found, strict=True)))


def latent_space(encoder: nn.Module, own: Tensor, settings: RecoverySettings, seeds: Seeds) -> LatentSpace:
    """Principal components of the latents of `own` scans (n, 1, x, y, z), each warped anew until there are enough."""
    drawing = seeds.child("warps").torch()
    shape = tuple(own.shape[2:])
    latents = []
    for first in range(0, settings.samples, 2):
        chosen = [i % len(own) for i in range(first, min(first + 2, settings.samples))]
        warped = [apply_warp(own[i : i + 1], draw_warp(shape, settings.warp, drawing)) for i in chosen]
        latents.append(encode(encoder, torch.cat(warped)))
    cloud = torch.cat(latents)
    centre = cloud.mean(0)
    _, lengths, axes = torch.linalg.svd((cloud - centre).flatten(1), full_matrices=False)
    axes = axes * (lengths / math.sqrt(len(cloud) - 1))[:, None]
    device = fabric().device
    kept = axes[: settings.components].reshape(-1, *centre.shape)
    return LatentSpace(centre.to(device), kept.to(device))


def _search(
    target: Segmenter, decoder: nn.Module, space: LatentSpace, head: Tensor, start: Tensor, settings: RecoverySettings
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Two searches at a time: images, their starts' images, entropies, their starts' entropies."""

    def look(coordinates: Tensor) -> tuple[Tensor, Tensor]:
        latent = as_batch(space.at(coordinates))
        drawn = decoder(latent).clamp(0, 1)
        logits = target(drawn) if settings.route == "image" else target.decoder(latent, [], [])
        return drawn, head_entropy(logits, head)

    coordinates = start.to(space.centre.device).clone().requires_grad_(True)
    optimizer = torch.optim.Adam([coordinates], settings.rate)
    for _ in range(settings.steps):
        optimizer.zero_grad()
        # Sums, so that searches side by side do not know of each other.
        (look(coordinates)[1].sum() + settings.prior * 0.5 * coordinates.square().mean(1).sum()).backward()
        optimizer.step()
    with torch.no_grad():
        (drawn, entropy), (control, control_entropy) = look(coordinates), look(start.to(space.centre.device))
    return drawn.cpu(), control.cpu(), entropy.cpu(), control_entropy.cpu()


def head_entropy(logits: Tensor, head: Tensor) -> Tensor:
    """Mean entropy in nats, (n,), of a segmentation's logits (n, classes, x, y, z) over the `head` (1, x, y, z), 0 or 1."""
    log_probability = functional.log_softmax(logits.float(), dim=1)
    entropy = -(log_probability.exp() * log_probability).sum(1)
    return (entropy * head).flatten(1).sum(1) / head.sum()
