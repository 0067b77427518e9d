"""Whole heads of real people, drawn from their label maps: at any contrast and resolution, as often as one likes.

One Gaussian a label, blurred to the resolution, seen through a coil, with Rician noise and a contrast of its own
(Billot 2023, doi:10.1016/j.media.2023.102789, near a T1 look instead of anywhere). Between two sessions of one person
all of these are drawn anew, the head lies a little differently and is deformed slightly and smoothly. There is no
texture inside a structure that stays between sessions: identity sits in shape, and a little in the contrast of
the person.

With skull or stripped is the same draw: the stripped image is the other one, 0 outside the brain.
"""

import functools
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
from scipy import ndimage

from remnant import __version__
from remnant.base.errors import RemnantError
from remnant.base.seeds import Seeds
from remnant.base.texts import counted
from remnant.cohort.files.volume import read_header, read_labels
from remnant.cohort.phantoms.cohort import PhantomScan
from remnant.cohort.phantoms.fields import Field, smooth_noise
from remnant.cohort.phantoms.maps import MapCohort, read_maps
from remnant.cohort.phantoms.session import rotation_matrix

SPACINGS_MM = (0.5, 8.0)
MARGIN_MM = 10.0
# Shares of a label's spread that its mean moves from person to person, and from session to session.
PERSONAL, VISITING = 0.3, 0.15
WOBBLE_MM = 0.4
NOISE = 0.012
CLOSING_MM = 3.0
# A field of view of 320 mm, whatever the head.
FIELD_MM = 320.0

README = """Heads drawn from label maps

{patients} people, {each} each, {what}, {spacing:g} mm, drawn by Remnant {version} from seed {seed}.
The anatomy is that of real people's label maps: treat the images as people. dseg.tsv names the values.
"""


@dataclass(frozen=True)
class Visit:
    """What one scan of a person has of its own; brightness is relative to 255, one entry a structure."""

    means: np.ndarray
    spreads: np.ndarray
    rotation: np.ndarray  # (3, 3)
    shift: np.ndarray  # (3,) mm
    wobble: Field  # (3, ...) mm
    bias: Field  # (1, ...) log
    gamma: float
    gain: float
    noise: float
    seeds: Seeds


@dataclass(frozen=True)
class HeadPhantoms:
    """Scans of the people of `maps`: the same numbers give the same bytes, and a head is the same at any spacing.

    `contrast` is the name of what brightness `maps` were read with.
    """

    maps: MapCohort
    sessions: int = 1
    skull: bool = True
    spacing_mm: float = 1.0
    seed: int = 0
    contrast: str = "t1"

    @classmethod
    def of(cls, directory: Path, *, contrast: str = "t1", skull: bool = True, **settings) -> "HeadPhantoms":
        """The people of a directory of label maps; raise `RemnantError` where it, contrast or spacing is unfit."""
        phantoms = cls(read_maps(directory, contrast, skull=skull), skull=skull, contrast=contrast, **settings)
        least, most = SPACINGS_MM
        if not least <= phantoms.spacing_mm <= most:
            raise RemnantError(
                f"The spacing must be from {least:g} to {most:g} mm. Got {phantoms.spacing_mm:g} instead."
            )
        return phantoms

    @property
    def patients(self) -> int:
        return len(self.maps.people)

    @property
    def structures(self) -> list[tuple[int, str, str, str]]:
        """Value, name and classes of every label."""
        return list(zip(self.maps.values, self.maps.names, self.maps.tissue5, self.maps.lpba3, strict=True))

    @property
    def title(self) -> str:
        return "Heads drawn from label maps"

    @property
    def readme(self) -> str:
        what = f"{'with skull' if self.skull else 'skull-stripped'}, {self.contrast.upper()}-like"
        return README.format(
            patients=self.patients,
            each=counted(self.sessions, "drawn scan"),
            what=what,
            spacing=self.spacing_mm,
            version=__version__,
            seed=self.seed,
        )

    def participant(self, number: int) -> tuple[str, str, str]:
        """Id, age and sex of person `number` (from 0); label maps come without the latter two."""
        return self.maps.people[number][0], "n/a", "n/a"

    def scan(self, patient: int, session_number: int = 0) -> PhantomScan:
        """Scan `session_number` (from 0) of person `patient` (from 0), on a grid of one shape for all."""
        name, path = self.maps.people[patient]
        return render(self, _read_map(path, self.maps), draw(self.seed, name, session_number, self.maps))

    @functools.cached_property
    def shape(self) -> tuple[int, int, int]:
        """The common grid's: it holds every map with a margin, so that its size tells nobody apart."""
        largest = np.zeros(3)
        for _, path in self.maps.people:
            header = read_header(path)
            order = np.argsort(nib.io_orientation(header.affine)[:, 0])
            largest = np.maximum(largest, (np.array(header.shape) * header.spacing)[order])
        return tuple(int(side) for side in np.ceil((largest + 2 * MARGIN_MM) / self.spacing_mm))


@dataclass(frozen=True)
class Map:
    """Index of the structure of each voxel (x, y, z) in RAS+, voxel sizes (3,) mm, and the brain as a mask."""

    index: np.ndarray
    spacing: np.ndarray
    brain: np.ndarray


def draw(seed: int, person: str, session: int, maps: MapCohort) -> Visit:
    """Session number `session` (from 0) of a person."""
    own = Seeds(seed).child("head", person)
    seeds = own.child("session", session)
    # Left and right of one structure are one tissue.
    tissues = [name.removeprefix("Left ").removeprefix("Right ") for name in maps.names]
    unique = sorted(set(tissues))
    where = [unique.index(tissue) for tissue in tissues]
    personal = own.child("contrast").numpy().standard_normal(len(unique))[where]
    draws = seeds.child("scan").numpy()
    visiting = draws.standard_normal(len(unique))[where]
    spreads = np.array(maps.spreads) / 255
    nodes = int(FIELD_MM / 12) + 1
    coil = int(FIELD_MM / 25) + 1
    corner = (-FIELD_MM / 2,) * 3
    return Visit(
        means=np.array(maps.means) / 255 + spreads * (PERSONAL * personal + VISITING * visiting),
        spreads=spreads * np.exp(0.2 * draws.standard_normal(len(unique))[where]),
        rotation=rotation_matrix(np.radians(draws.normal(0, 3.0, 3))),
        shift=draws.normal(0, 2.5, 3).clip(-MARGIN_MM, MARGIN_MM).astype(np.float32),
        wobble=Field(
            np.float32(WOBBLE_MM) * smooth_noise(seeds.child("wobble").numpy(), 3, (nodes,) * 3, 12.0, 20.0),
            corner,
            12.0,
        ),
        bias=Field(
            np.float32(0.1) * smooth_noise(seeds.child("bias").numpy(), 1, (coil,) * 3, 25.0, 45.0), corner, 25.0
        ),
        gamma=float(np.exp(0.06 * draws.standard_normal())),
        gain=float(1100 * np.exp(0.25 * draws.standard_normal())),
        noise=float(NOISE * np.exp(0.25 * draws.standard_normal())),
        seeds=seeds,
    )


def render(phantoms: HeadPhantoms, head: Map, visit: Visit) -> PhantomScan:
    """Image float32 (x, y, z) of whole numbers, labels int16, affine (4, 4) to RAS+ mm, the middle at the origin."""
    texture = visit.seeds.child("texture").numpy().standard_normal(head.index.shape, dtype=np.float32)
    light = visit.means.astype(np.float32)[head.index] + visit.spreads.astype(np.float32)[head.index] * texture
    # The scanner's voxel as a Gaussian as wide as it is at half its height.
    light = ndimage.gaussian_filter(light, phantoms.spacing_mm / 2.3548 / head.spacing)

    shape, spacing = phantoms.shape, phantoms.spacing_mm
    axes = [(np.arange(side, dtype=np.float32) - np.float32((side - 1) / 2)) * np.float32(spacing) for side in shape]
    image, labels = np.zeros(shape, np.float32), np.zeros(shape, np.int16)
    generator = visit.seeds.child("noise").numpy()
    values = np.array(phantoms.maps.values, np.int16)
    nothing = phantoms.maps.values.index(0)
    middle = (np.array(head.index.shape, np.float32)[:, None] - 1) / 2
    for x in range(shape[0]):
        # A sheet at a time: all points at once would be the largest array of the program.
        sheet = np.stack(np.meshgrid(axes[0][x], axes[1], axes[2], indexing="ij")).reshape(3, -1)
        own = visit.rotation @ (sheet - visit.shift[:, None])
        voxels = (own + visit.wobble.at(own)) / head.spacing.astype(np.float32)[:, None] + middle
        seen = ndimage.map_coordinates(light, voxels, order=1, mode="constant", cval=visit.means[nothing])
        nearest = ndimage.map_coordinates(head.index, voxels, order=0, mode="constant", cval=nothing)
        real, imaginary = np.float32(visit.noise) * generator.standard_normal((2, seen.size), dtype=np.float32)
        seen = np.hypot(np.maximum(seen, 0) * np.exp(visit.bias.at(sheet)[0]) + real, imaginary)
        seen = np.rint(np.float32(visit.gain) * seen ** np.float32(visit.gamma))
        if not phantoms.skull:
            brain = ndimage.map_coordinates(head.brain, voxels, order=0, mode="constant", cval=0) > 0
            seen, nearest = np.where(brain, seen, 0), np.where(brain, nearest, nothing)
        image[x], labels[x] = seen.reshape(shape[1:]), values[nearest].reshape(shape[1:])
    affine = np.diag([spacing, spacing, spacing, 1.0])
    affine[:3, 3] = [-(side - 1) / 2 * spacing for side in shape]
    return PhantomScan(image, labels, affine, None, None)


@functools.lru_cache(maxsize=1)
def _read_map(path: Path, maps: MapCohort) -> Map:
    labels, affine = read_labels(path)
    orientation = nib.io_orientation(affine)
    labels = nib.apply_orientation(labels, orientation)
    spacing = nib.affines.voxel_sizes(affine)[np.argsort(orientation[:, 0])]
    found, inverse = np.unique(labels, return_inverse=True)
    unknown = [value for value in found if value not in maps.values]
    if unknown:
        raise RemnantError(f"{path} holds the label {unknown[0]}, which labels.csv does not know; add it there.")
    index = np.array([maps.values.index(int(value)) for value in found], np.int16)[inverse].reshape(labels.shape)
    tissue = np.array([name != "none" for name in maps.tissue5])[index]
    return Map(index, spacing, _brain(tissue, max(1, round(CLOSING_MM / spacing.min()))).astype(np.uint8))


def _brain(tissue: np.ndarray, turns: int) -> np.ndarray:
    """What stripping leaves: tissue and fluid with the gaps between them, without the thin fluid around the spine."""
    brain = ndimage.binary_closing(np.pad(tissue, turns), iterations=turns)
    pieces, count = ndimage.label(ndimage.binary_opening(brain, iterations=turns))
    if count:
        brain = pieces == 1 + np.argmax(np.bincount(pieces.ravel())[1:])
    return ndimage.binary_fill_holes(brain)[(slice(turns, -turns),) * 3]
