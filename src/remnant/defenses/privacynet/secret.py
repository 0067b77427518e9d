"""A secret at the client: a random invertible deformation of each scan, undone on the label map that comes back.

After *Privacy Preserving for Medical Image Analysis via Non-Linear Deformation Proxy* (arXiv:2011.12835): the server segments a
scan that nobody's head looks like, and the client alone can bend the map back. There a network trained against a
Siamese discriminator proposes the flow; here it is drawn anew for every scan from a fixed law, since a network that makes it
is a network that can be stolen.

The deformation is the flow of a stationary velocity field (Arsigny 2006): invertible by construction, its inverse the flow
of the opposite field. The field has no part across the faces of the grid, so that the grid is mapped onto itself and nothing
of a head leaves it, however far it turns. Points and displacements are in mm from the grid's middle. A volume that does not lie
on the secret's grid raises `RemnantError`.
"""

import base64
import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from pydantic import Field as Setting
from torch import Tensor
from torch.nn import functional

from remnant.base.config import Settings
from remnant.base.errors import RemnantError
from remnant.cohort.phantoms.fields import smooth_noise

NODE_MM = 8.0  # between the nodes of the velocity field
TAPER_MM = 20.0  # from a face of the grid, over which the velocity across it falls to 0
HALVINGS = 8  # the flow is that of 1 / 2^8 of the field, doubled so many times (scaling and squaring)
CORRECTIONS = 2  # of the inverse, since flows between nodes are only interpolated: from 0.3 mm to 0.04 mm on average

Window = tuple[slice, slice, slice]


class Bend(Settings):
    """A smooth random velocity: `size_mm` its standard deviation along each axis, `length_mm` the blur that makes it smooth."""

    size_mm: float = Setting(ge=0, le=40)
    length_mm: float = Setting(ge=NODE_MM, le=100)


class SecretSettings(Settings):
    """The law that a client draws its deformations from; it is no secret, the draw is.

    `rotation_degrees` about and `scaling` (of the logarithm) along each axis, and `shift_mm`: standard deviations; they hide
    how a head lies and how large it is. `bends`: what hides its shape, coarse and fine. `mirror`: swap left and right in half
    of all draws. `gamma` and `gain`: standard deviations of the logarithm of exponent and scale of intensities.
    """

    rotation_degrees: float = Setting(default=8.0, ge=0, le=45)
    scaling: float = Setting(default=0.08, ge=0, le=0.3)
    shift_mm: float = Setting(default=4.0, ge=0, le=40)
    bends: tuple[Bend, ...] = (Bend(size_mm=6, length_mm=30), Bend(size_mm=2.5, length_mm=12))
    mirror: bool = True
    gamma: float = Setting(default=0.15, ge=0, le=0.5)
    gain: float = Setting(default=0.05, ge=0, le=0.5)


@dataclass(frozen=True)
class Secret:
    """One drawn deformation of grids of `shape` voxels of `spacing` mm.

    `flow` float32 (3, nodes): the velocity in mm on a lattice from face to face. The deformed scan shows at a point x what the
    scan has at flow(x), mirrored if `mirrored`, with its intensities to the power of `gamma` and times `gain`.
    """

    shape: tuple[int, int, int]
    spacing: float
    flow: Tensor
    mirrored: bool
    gamma: float
    gain: float

    @cached_property
    def moved(self) -> Tensor:
        """The displacement in mm on the lattice (3, nodes), of which every reading of a volume is made."""
        return _flowed(self.flow, self)

    def plain(self) -> dict[str, Any]:
        """What JSON can hold, for the client's own file."""
        flow = self.flow.numpy().astype("<f4")
        return {
            "shape": self.shape,
            "spacing_mm": self.spacing,
            "nodes": flow.shape[1:],
            "flow": base64.b64encode(flow.tobytes()).decode(),
            "mirrored": self.mirrored,
            "gamma": self.gamma,
            "gain": self.gain,
        }

    @classmethod
    def of(cls, plain: dict[str, Any]) -> "Secret":
        """What `plain` gave; raises `KeyError`, `TypeError` or `ValueError` for anything else."""
        flow = np.frombuffer(base64.b64decode(plain["flow"]), "<f4").reshape(3, *plain["nodes"])
        x, y, z = (int(side) for side in plain["shape"])
        return cls(
            (x, y, z),
            float(plain["spacing_mm"]),
            torch.from_numpy(flow.astype(np.float32)),
            bool(plain["mirrored"]),
            float(plain["gamma"]),
            float(plain["gain"]),
        )


def draw_secret(
    shape: tuple[int, ...], spacing_mm: float, settings: SecretSettings, generator: np.random.Generator
) -> Secret:
    """Draw a deformation of scans (x, y, z) of `shape` with voxels of `spacing_mm`.

    A client draws from `numpy.random.default_rng()`, seeded with 128 bits of the system's entropy; a study from a branch of
    its seeds. A draw of zero size in everything leaves a scan as it is, but for rounding.
    """
    x, y, z = shape
    extent = np.array(shape) * spacing_mm
    nodes = tuple(math.ceil(side / NODE_MM) + 1 for side in extent)
    lines = [
        np.linspace(-side / 2, side / 2, count, dtype=np.float32) for side, count in zip(extent, nodes, strict=True)
    ]
    places = np.stack(np.meshgrid(*lines, indexing="ij"))
    angles = np.radians(settings.rotation_degrees) * generator.standard_normal(3)
    motion = np.diag(settings.scaling * generator.standard_normal(3))
    for (row, column), angle in zip(((1, 2), (2, 0), (0, 1)), angles, strict=True):
        motion[row, column], motion[column, row] = -angle, angle
    flow = np.einsum("ij,jxyz->ixyz", motion, places)
    flow += (settings.shift_mm * generator.standard_normal(3))[:, None, None, None]
    for bend in settings.bends:
        flow += bend.size_mm * smooth_noise(generator, 3, nodes, NODE_MM, bend.length_mm)
    flow *= np.clip((extent[:, None, None, None] / 2 - np.abs(places)) / TAPER_MM, 0, 1)
    return Secret(
        (x, y, z),
        float(spacing_mm),
        torch.from_numpy(flow.astype(np.float32)),
        bool(settings.mirror and generator.random() < 0.5),
        float(np.exp(settings.gamma * generator.standard_normal())),
        float(np.exp(settings.gain * generator.standard_normal())),
    )


def warp_scan(image: Tensor, secret: Secret, window: Window | None = None) -> Tensor:
    """The deformed scan, float32 (1, x, y, z) in [0, 1], of `image` (1, x, y, z) in [0, 1]; only its voxels in `window` if
    given.
    """
    warped = _read(image, _mirrored(_there(secret, window), secret), secret)
    return (warped.clamp(0, 1) ** secret.gamma * secret.gain).clamp(0, 1)


def warp_labels(labels: Tensor, secret: Secret, window: Window | None = None) -> Tensor:
    """The label map of the deformed scan, uint8 (x, y, z), of `labels` (x, y, z): each voxel the class with the largest part."""
    return _largest(_read(_shares(labels), _mirrored(_there(secret, window), secret), secret))


def unwarp_maps(maps: Tensor, secret: Secret) -> Tensor:
    """Maps float32 (c, x, y, z) of a deformed scan, such as the probabilities of classes, as they lie on the scan itself."""
    return _read(maps, _back(secret), secret)


def unwarp_labels(labels: Tensor, secret: Secret) -> Tensor:
    """The label map of a deformed scan, (x, y, z) class indices, as uint8 (x, y, z) on the scan itself.

    By the largest part in each voxel. Interpolated twice on the way there and back, small structures lose: undoing the
    probabilities by `unwarp_maps` loses less.
    """
    return _largest(unwarp_maps(_shares(labels), secret))


def _there(secret: Secret, window: Window | None) -> Tensor:
    """Where each voxel of the deformed scan is taken from, but for the mirror: (3, x, y, z) in mm."""
    places = _voxels(secret, window)
    return places + _displaced(secret.moved, places, secret)


def _back(secret: Secret) -> Tensor:
    """Where each voxel of the scan lies in the deformed one: (3, x, y, z) in mm."""
    places = _mirrored(_voxels(secret, None), secret)
    there = secret.moved
    found = places + _displaced(_flowed(-secret.flow, secret), places, secret)
    missed = places - found - _displaced(there, found, secret)
    for _ in range(CORRECTIONS):
        # Where the flow is steep, at the grid's corners, a correction may overshoot: there it is left out.
        tried = torch.minimum(torch.maximum(found + missed, -_half(secret)), _half(secret))
        left = places - tried - _displaced(there, tried, secret)
        better = left.norm(dim=0) < missed.norm(dim=0)
        found, missed = torch.where(better, tried, found), torch.where(better, left, missed)
    return found


def _flowed(velocity: Tensor, secret: Secret) -> Tensor:
    """The displacement (3, nodes) in mm after following the velocity for a unit of time (Arsigny 2006, scaling and squaring)."""
    half = _half(secret)
    lines = [
        torch.linspace(-float(side), float(side), count)
        for side, count in zip(half.flatten(), velocity.shape[1:], strict=True)
    ]
    nodes = torch.stack(torch.meshgrid(*lines, indexing="ij"))
    moved = velocity / 2**HALVINGS
    for _ in range(HALVINGS):
        moved = moved + _displaced(moved, nodes + moved, secret)
    return moved


def _displaced(field: Tensor, places: Tensor, secret: Secret) -> Tensor:
    """A field (3, nodes) at `places` (3, x, y, z) in mm: the outermost nodes lie on the faces of the grid."""
    return functional.grid_sample(
        field[None], _grid(places / _half(secret)), padding_mode="border", align_corners=True
    )[0]


def _read(volume: Tensor, places: Tensor, secret: Secret) -> Tensor:
    """A volume (c, x, y, z) at `places` (3, ...) in mm, 0 beyond the grid."""
    if volume.shape[1:] != secret.shape:
        raise RemnantError(
            f"The secret deforms volumes of {secret.shape} voxels. Got {tuple(volume.shape[1:])} instead; give the code "
            "that it was drawn for, or the map made of it."
        )
    return functional.grid_sample(volume[None].float(), _grid(places / _half(secret)), align_corners=False)[0]


def _grid(places: Tensor) -> Tensor:
    # grid_sample wants the last axis first.
    return places.flip(0).movedim(0, -1)[None]


def _voxels(secret: Secret, window: Window | None) -> Tensor:
    """The centres (3, x, y, z) in mm of all voxels, or of those in `window`."""
    lines = [
        ((torch.arange(side) - (side - 1) / 2) * secret.spacing)[part]
        for side, part in zip(secret.shape, window or (slice(None),) * 3, strict=True)
    ]
    return torch.stack(torch.meshgrid(*lines, indexing="ij"))


def _half(secret: Secret) -> Tensor:
    return torch.tensor(secret.shape).view(3, 1, 1, 1) * secret.spacing / 2


def _mirrored(places: Tensor, secret: Secret) -> Tensor:
    """Left for right where the draw says so."""
    return places * torch.tensor([-1.0 if secret.mirrored else 1.0, 1.0, 1.0]).view(3, 1, 1, 1)


def _shares(labels: Tensor) -> Tensor:
    """A map (x, y, z) as float32 (classes, x, y, z) of 0 and 1."""
    return torch.stack([labels == label for label in range(int(labels.max()) + 1)]).float()


def _largest(shares: Tensor) -> Tensor:
    return shares.argmax(0).to(torch.uint8)
