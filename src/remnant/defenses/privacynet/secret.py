"""A secret at the client: a random invertible deformation of each scan, undone on the label map that comes back.

After *Privacy Preserving for Medical Image Analysis via Non-Linear Deformation Proxy* (arXiv:2011.12835): the server segments a
scan that nobody's head looks like, and the client alone can bend the map back. There a network trained against a
Siamese discriminator proposes the flow; here it is drawn anew for every scan from a fixed law, since a network that makes it
is a network that can be stolen.

The deformation is the flow of a stationary velocity field: invertible by construction, its inverse the flow of the opposite
field. The field has no part across the faces of the grid, so that the grid is mapped onto itself and nothing of a head leaves
it, however far it turns. `warping` applies it.
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

from remnant.base.config import Settings
from remnant.cohort.phantoms.fields import smooth_noise
from remnant.defenses.privacynet.flow import flowed, half_sides

NODE_MM = 8.0  # between the nodes of the velocity field
TAPER_MM = 20.0  # from a face of the grid, over which the velocity across it falls to 0


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
    bends: tuple[Bend, ...] = (Bend(size_mm=8, length_mm=30), Bend(size_mm=3, length_mm=12))
    mirror: bool = True
    gamma: float = Setting(default=0.05, ge=0, le=0.5)
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

    @property
    def half(self) -> Tensor:
        """Half of the grid's sides in mm, (3, 1, 1, 1)."""
        return half_sides(self.shape, self.spacing)

    @cached_property
    def moved(self) -> Tensor:
        """The displacement in mm on the lattice (3, nodes), of which every reading of a volume is made."""
        return flowed(self.flow, self.half)

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
