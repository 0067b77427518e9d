"""A simulated revisit: the same person scanned again, for cohorts with one session each. Drawn apart from being applied.

It stands in for a second visit where there is none and is no substitute for one: motion, another position of the slices and
another scanner's contrast between tissues are not in it. A table that rests on simulated revisits must say so.
"""

from dataclasses import dataclass

import numpy as np
import torch
from pydantic import Field as Setting
from scipy import ndimage

from remnant.base import config
from remnant.base.errors import RemnantError
from remnant.base.seeds import Seeds
from remnant.cohort.images import Images
from remnant.cohort.phantoms.fields import Field, smooth_noise
from remnant.cohort.phantoms.session import rotation_matrix
from remnant.cohort.prepare.grid import Grid
from remnant.cohort.prepare.head import Region
from remnant.cohort.prepare.volumes import PreparationSettings

# Nodes of the fields and how far they blur, in mm: bending on the scale of a gyrus and up, a coil's sensitivity.
ELASTIC_MM = (12.0, 16.0)
BIAS_MM = (25.0, 45.0)


class RevisitSettings(config.Settings):
    """How much a revisit differs: standard deviations of normal draws, one a visit (of fields, in each point).

    `rotation_degrees` about and `shift_mm` along each axis: what alignment leaves of how differently a head lies in the
    scanner; scans that are only centred keep more, see `CENTRED` and `CROPPED`. `elastic_mm` along each axis: what the scanner's
    geometry, soft tissue and a year's change of the brain bend, where people differ by several millimetres. `bias`: of the
    logarithm of the coil's sensitivity, after correction. `gamma` and `gain`: of the logarithm of exponent and intensity scale,
    after intensities were scaled inside the head. `noise`: sigma of the Rician noise on top of the scan's own, intensities going
    from 0 to 1; it varies by a quarter. `region`: "crop" for pieces cut out of a head, whose tissue goes on beyond the border.

    The defaults make revisits of phantoms that were prepared and aligned as like their first visits as the phantoms' own second
    sessions, about a year later, are (mean SSIM of four at 3 mm: 0.945 and 0.942; of two people 0.69).
    """

    rotation_degrees: float = Setting(default=1.0, ge=0, le=30)
    shift_mm: float = Setting(default=1.0, ge=0, le=30)
    elastic_mm: float = Setting(default=0.5, ge=0, le=3)
    bias: float = Setting(default=0.05, ge=0, le=0.5)
    gamma: float = Setting(default=0.05, ge=0, le=0.5)
    gain: float = Setting(default=0.03, ge=0, le=0.5)
    noise: float = Setting(default=0.015, ge=0, le=0.5)
    region: Region = "head"


# For scans that were prepared with `align=False`: the head lies as the technician laid it.
CENTRED = RevisitSettings(rotation_degrees=2.5, shift_mm=2.0)
# A crop lies where the structure does that it was cut around. Larger moves would make crops of strangers less alike than they
# are: mean SSIM of 44 hippocampi 0.31, of their revisits 0.30 (with CENTRED 0.14); of two revisits of one person 0.84.
CROPPED = RevisitSettings(rotation_degrees=1.0, shift_mm=0.25, elastic_mm=0.25, region="crop")


def revisit_settings(preparation: PreparationSettings) -> RevisitSettings:
    """What to simulate for scans that were prepared like this."""
    if preparation.region == "crop":
        return CROPPED
    return RevisitSettings() if preparation.align else CENTRED


@dataclass(frozen=True)
class Revisit:
    """One drawn visit. Points of the grid (mm from its middle) are seen at rotation @ (point - shift) + elastic of the scan."""

    rotation: np.ndarray  # (3, 3)
    shift: np.ndarray  # (3,) mm
    elastic: Field  # (3, ...) mm
    bias: Field  # (1, ...) log
    gamma: float
    gain: float
    noise: float
    noise_seed: int
    region: Region


def draw_revisit(grid: Grid, settings: RevisitSettings, *, seeds: Seeds) -> Revisit:
    """Draw a revisit of any scan on `grid`; grids of one extent share it, whatever their spacing, but for the noise."""
    draws = seeds.child("visit").numpy()
    return Revisit(
        rotation=rotation_matrix(np.radians(settings.rotation_degrees * draws.standard_normal(3))),
        shift=(settings.shift_mm * draws.standard_normal(3)).astype(np.float32),
        gamma=float(np.exp(settings.gamma * draws.standard_normal())),
        gain=float(np.exp(settings.gain * draws.standard_normal())),
        noise=float(settings.noise * np.exp(0.25 * draws.standard_normal())),
        elastic=_field(grid, 3, settings.elastic_mm, *ELASTIC_MM, seeds.child("elastic")),
        bias=_field(grid, 1, settings.bias, *BIAS_MM, seeds.child("bias")),
        noise_seed=seeds.child("noise").integer,
        region=settings.region,
    )


def apply_revisit(image: np.ndarray, labels: np.ndarray, grid: Grid, revisit: Revisit) -> tuple[np.ndarray, np.ndarray]:
    """The scan and its label map as seen at the revisit: float32 (x, y, z) in [0, 1] and uint8 (x, y, z) on the same grid.

    `image`: float32 (x, y, z) in [0, 1], 0 outside the head; `labels`: uint8 (x, y, z) class indices. The image is
    interpolated once, by cubic splines, since a linear revisit would be the blurred one of a pair; each voxel's label is
    the class with the largest part in it by linear interpolation. Outside the moved head both are exactly 0; a crop goes on
    beyond its border with what lies on it, since a black rim would tell how it was moved.
    Raises `RemnantError` for an image or label map that does not lie on `grid`.
    """
    for name, array in (("image", image), ("label map", labels)):
        if array.shape != grid.shape:
            raise RemnantError(
                f"The {name} of a revisit must lie on its grid of {grid.shape}. Got {array.shape} instead; give a volume "
                f"without its channel and the grid that it was prepared on."
            )
    points = _points(grid)
    seen = revisit.rotation @ (points - revisit.shift[:, None])
    seen = (seen + revisit.elastic.at(seen) - _first(grid)) / np.float32(grid.spacing)

    if revisit.region == "crop":
        seen = np.clip(seen, 0, np.array(grid.shape, np.float32)[:, None] - 1)
        inside = np.ones(seen.shape[1], bool)
    else:
        # Voxels that preparation had cut down to 0 inside the head are part of it.
        head = ndimage.binary_fill_holes((image > 0) | (labels > 0))
        inside = _at(head, seen, order=1) > 0.5
    voxels = seen[:, inside]
    light = np.clip(_at(image, voxels, order=3), 0, None) ** np.float32(revisit.gamma)
    light *= np.float32(revisit.gain) * np.exp(revisit.bias.at(points[:, inside])[0])
    generator = np.random.default_rng(revisit.noise_seed)
    real, imaginary = np.float32(revisit.noise) * generator.standard_normal((2, light.size), dtype=np.float32)
    revisited = np.zeros(inside.shape, np.float32)
    revisited[inside] = np.clip(np.hypot(light + real, imaginary), 0, 1)

    moved = np.zeros(inside.shape, np.uint8)
    moved[inside] = _largest_class(labels, voxels)
    return revisited.reshape(grid.shape), moved.reshape(grid.shape)


def _largest_class(labels: np.ndarray, voxels: np.ndarray) -> np.ndarray:
    """uint8 (n,): the class with the largest part at places (3, n) in voxels; of equal ones the first."""
    best, most = np.zeros(voxels.shape[1], np.uint8), _at(labels == 0, voxels, order=1)
    for index in np.unique(labels[labels > 0]):
        part = _at(labels == index, voxels, order=1)
        best[part > most] = index
        most = np.maximum(most, part)
    return best


def _at(volume: np.ndarray, voxels: np.ndarray, order: int) -> np.ndarray:
    return ndimage.map_coordinates(volume.astype(np.float32), voxels, output=np.float32, order=order, mode="constant")


def _first(grid: Grid) -> np.ndarray:
    """(3, 1): the first voxel's centre in mm."""
    return grid.affine[:3, 3:].astype(np.float32)


def _points(grid: Grid) -> np.ndarray:
    """float32 (3, voxels): the voxels' centres in mm from the grid's middle."""
    voxels = np.indices(grid.shape, dtype=np.float32).reshape(3, -1)
    return voxels * np.float32(grid.spacing) + _first(grid)


def _field(grid: Grid, channels: int, size: float, spacing: float, length: float, seeds: Seeds) -> Field:
    """A smooth field of standard deviation `size` over the grid."""
    extent = np.array(grid.shape) * grid.spacing
    nodes = tuple(int(np.ceil(side / spacing)) + 1 for side in extent)
    values = np.float32(size) * smooth_noise(seeds.numpy(), channels, nodes, spacing, length)
    return Field(values, tuple(-extent / 2), spacing)


def as_revisited(scans: Images, grid: Grid, settings: RevisitSettings, seeds: Seeds) -> Images:
    """Two simulated visits of each scan in its place, on the same `grid`.

    Not the scan itself and one visit: an adversary would then know a pair of one patient by what simulation does to an image.
    """
    images, labels = [], []
    for number, (image, classes) in enumerate(zip(scans.images[:, 0].numpy(), scans.labels.numpy(), strict=True)):
        for visit in range(2):
            revisit = draw_revisit(grid, settings, seeds=seeds.child(number, visit))
            seen, drawn = apply_revisit(image, classes, grid, revisit)
            images.append(torch.from_numpy(seen)[None])
            labels.append(torch.from_numpy(drawn))
    patients = tuple(patient for patient in scans.patients for _ in range(2))
    return Images(torch.stack(images), torch.stack(labels), patients)
