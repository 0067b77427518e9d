"""Scans and label maps bent by a `Secret`, and the maps of bent scans bent back.

Points are in mm from the grid's middle. A volume that does not lie on the secret's grid raises `RemnantError`.
"""

from itertools import product

import numpy as np
import torch
from scipy.ndimage import spline_filter
from torch import Tensor
from torch.nn import functional

from remnant.base.errors import RemnantError
from remnant.defenses.privacynet.flow import displaced, flowed, sampling_grid
from remnant.defenses.privacynet.secret import Secret

CORRECTIONS = 2  # of the inverse, since flows between nodes are only interpolated: from 0.3 mm to 0.04 mm on average

Window = tuple[slice, slice, slice]


def warp_scan(image: Tensor, secret: Secret, window: Window | None = None) -> Tensor:
    """The deformed scan, float32 (1, x, y, z) in [0, 1], of `image` (1, x, y, z) in [0, 1]; only its voxels in `window` if
    given.
    """
    warped = _read_sharply(image, _mirrored(_there(secret, window), secret), secret)
    return (warped.clamp(0, 1) ** secret.gamma * secret.gain).clamp(0, 1)


def warp_labels(labels: Tensor, secret: Secret, window: Window | None = None) -> Tensor:
    """The label map of the deformed scan, uint8 (x, y, z), of `labels` (x, y, z): each voxel the class with the largest part."""
    return _largest(_read(_shares(labels), _mirrored(_there(secret, window), secret), secret))


def unwarp_maps(maps: Tensor, secret: Secret) -> Tensor:
    """Maps float32 (c, x, y, z) of a deformed scan, such as the logits of classes, as they lie on the scan itself.

    Of logits more is kept than of probabilities, which are nearly 0 and 1, and whose borders then follow the voxels.
    """
    return _read_sharply(maps, _back(secret), secret)


def _there(secret: Secret, window: Window | None) -> Tensor:
    """Where each voxel of the deformed scan is taken from, but for the mirror: (3, x, y, z) in mm."""
    places = _voxels(secret, window)
    return places + displaced(secret.moved, places, secret.half)


def _back(secret: Secret) -> Tensor:
    """Where each voxel of the scan lies in the deformed one: (3, x, y, z) in mm."""
    places = _mirrored(_voxels(secret, None), secret)
    there = secret.moved
    found = places + displaced(flowed(-secret.flow, secret.half), places, secret.half)
    missed = places - found - displaced(there, found, secret.half)
    for _ in range(CORRECTIONS):
        # Where the flow is steep, at the grid's corners, a correction may overshoot: there it is left out.
        tried = torch.minimum(torch.maximum(found + missed, -secret.half), secret.half)
        left = places - tried - displaced(there, tried, secret.half)
        better = left.norm(dim=0) < missed.norm(dim=0)
        found, missed = torch.where(better, tried, found), torch.where(better, left, missed)
    return found


def _read(volume: Tensor, places: Tensor, secret: Secret) -> Tensor:
    """A volume (c, x, y, z) at `places` (3, x, y, z) in mm, between voxels linearly; beyond the grid as at its faces."""
    if volume.shape[1:] != secret.shape:
        raise RemnantError(
            f"The secret deforms volumes of {secret.shape} voxels. Got {tuple(volume.shape[1:])} instead; give the code "
            "that it was drawn for, or the map made of it."
        )
    grid = sampling_grid(places, secret.half)
    return functional.grid_sample(volume[None].float(), grid, padding_mode="border", align_corners=False)[0]


def _read_sharply(volume: Tensor, places: Tensor, secret: Secret) -> Tensor:
    """The same between voxels by cubic B-splines, which blur less: half of the Dice that a secret costs is interpolation.

    The 64 coefficients around a point are eight linear readings (Sigg and Hadwiger 2005).
    """
    channels = [
        spline_filter(channel, order=3, output=np.float32, mode="reflect") for channel in volume.float().numpy()
    ]
    coefficients = torch.from_numpy(np.stack(channels))
    part = (places + secret.half) / secret.spacing - 0.5
    part = part - part.floor()
    before, after = (1 - part) ** 3 / 6, part**3 / 6
    near = 2 / 3 - part**2 * (1 - part / 2)
    share = before + near
    # In voxels from the point itself.
    first = near / share - 1 - part
    second = after / (1 - share) + 1 - part
    read = torch.zeros(len(volume), *places.shape[1:])
    for sides in product((False, True), repeat=3):
        weight = torch.ones(places.shape[1:])
        moved = places.clone()
        for axis, later in enumerate(sides):
            weight = weight * ((1 - share[axis]) if later else share[axis])
            moved[axis] += (second if later else first)[axis] * secret.spacing
        read += weight * _read(coefficients, moved, secret)
    return read


def _voxels(secret: Secret, window: Window | None) -> Tensor:
    """The centres (3, x, y, z) in mm of all voxels, or of those in `window`."""
    lines = [
        ((torch.arange(side) - (side - 1) / 2) * secret.spacing)[part]
        for side, part in zip(secret.shape, window or (slice(None),) * 3, strict=True)
    ]
    return torch.stack(torch.meshgrid(*lines, indexing="ij"))


def _mirrored(places: Tensor, secret: Secret) -> Tensor:
    """Left for right where the draw says so."""
    return places * torch.tensor([-1.0 if secret.mirrored else 1.0, 1.0, 1.0]).view(3, 1, 1, 1)


def _shares(labels: Tensor) -> Tensor:
    """A map (x, y, z) as float32 (classes, x, y, z) of 0 and 1."""
    return torch.stack([labels == label for label in range(int(labels.max()) + 1)]).float()


def _largest(shares: Tensor) -> Tensor:
    return shares.argmax(0).to(torch.uint8)
