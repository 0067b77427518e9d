"""The brain inside a head: where each structure lies, given points in the template's frame.

The cortex is what lies within a cortex's thickness of the brain's outside, of the cleft between the
hemispheres or of a sulcus; sulci are the zero sheets of the person's folding field, read along rays from the
axis of each hemisphere, so that they stand upright on the surface and end in its depth.
"""

from dataclasses import dataclass

import numpy as np

from remnant.cohort.phantoms.anatomy import Anatomy
from remnant.cohort.phantoms.canvas import Canvas, ramp, slot
from remnant.cohort.phantoms.session import Session
from remnant.cohort.phantoms.shapes import blend, carve, ellipsoid, tube

CLEFT_MM = 0.6
FLOOR_Z = -21.0
TENTORIUM_Z = -19.5
SULCUS_DEPTH_MM, SULCUS_DEPTH_SD_MM = 16.0, 4.5
ATROPHY_PER_YEAR = 0.014  # mm between brain and skull
FOLIUM_RAD = 0.22
FASTIGIUM = (-12.0, -37.0)  # y, z of the point from which the folia of the cerebellum fan out


@dataclass(frozen=True)
class Hull:
    """Distances (n,) in mm, negative inside, to the unfolded outsides of the parts of the brain."""

    cerebrum: np.ndarray
    cerebellum: np.ndarray
    stem: np.ndarray

    @property
    def whole(self) -> np.ndarray:
        """The brain as one solid, the cisterns between its parts filled."""
        return blend(blend(self.cerebrum, self.cerebellum, 14.0), self.stem, 20.0)


def hull(points: np.ndarray, person: Anatomy) -> Hull:
    """The parts' outsides at template points (3, n)."""
    mirrored = np.stack([np.abs(points[0]), points[1], points[2]])
    z = points[2]
    main = carve(ellipsoid(mirrored, (8, 0, 11), (56, 79, 49)), np.float32(FLOOR_Z) - z, 14.0)
    temporal = tube(mirrored, [(38, 32, -24, 14), (45, 8, -25, 17), (47, -18, -15, 18), (44, -38, 0, 18)])
    k = person.shape["cerebellum"]
    halves = ellipsoid(mirrored, (20, -35, -41), (27 * k, 28 * k, 26 * k))
    vermis = ellipsoid(mirrored, (0, -35, -39), (12, 25 * k, 24 * k))
    k = person.shape["brain_stem"]
    stem = tube(points, [(0, 3, -8, 13 * k), (0, 4, -30, 14 * k), (0, -3, -46, 10 * k), (0, -9, -72, 7.5 * k)])
    cerebellum = carve(blend(halves, vermis, 6.0), z - np.float32(TENTORIUM_Z), 4.0)
    return Hull(blend(main, temporal, 4.0), cerebellum, stem)


def paint(canvas: Canvas, points: np.ndarray, outside: Hull, person: Anatomy, visit: Session) -> None:
    """Paint the brain onto points (3, n) of the template's frame; external CSF must already be there."""
    size = float(person.scale.mean())
    shrink = np.float32(ATROPHY_PER_YEAR * (person.age + visit.years - 18))
    _cerebellum(canvas, points, outside.cerebellum + shrink, size)
    _cerebrum(canvas, points, outside.cerebrum + shrink, person, visit, size)
    x, y, z = points
    middle = (np.abs(x) < 46) & (np.abs(y) < 64) & (z > -80) & (z < 44)
    with canvas.within(middle) as inner:
        _deep(inner, points[:, middle], person, visit)


def _cerebrum(canvas, points, surface, person, visit, size):
    x, y, z = points
    # The cleft ends at the corpus callosum.
    below = -ellipsoid(np.stack([np.zeros_like(y), y, z]), (1, 0, 3), (1, 38, 24))
    cleft = np.hypot(x, np.maximum(below, 0))
    depth = np.minimum(-surface, cleft - np.float32(CLEFT_MM))

    axis_x = np.where(x < 0, np.float32(-27), np.float32(27))
    axis_y = np.clip(y, -42, 44)
    dx, dy, dz = x - axis_x, y - axis_y, z - np.float32(6)
    radius = np.sqrt(dx * dx + dy * dy + dz * dz) + np.float32(1e-3)
    # Radially compressed, so that a sheet is nearly, not exactly, straight down.
    stretch = np.float32(0.35) + np.float32(0.65 * 36) / radius
    folds = person.folds.at(np.stack([axis_x + dx * stretch, axis_y + dy * stretch, 6 + dz * stretch]))
    reach = np.maximum(np.float32(SULCUS_DEPTH_MM) + np.float32(SULCUS_DEPTH_SD_MM) * folds[1], 3)
    sulcus = np.hypot(folds[0] / np.maximum(stretch, np.float32(0.7)), np.maximum(depth - reach, 0))

    h, width, cortex = canvas.spacing, visit.sulcus_mm / size, visit.cortex_mm / size
    tissue = np.minimum(ramp(-surface, h), 1 - np.maximum(slot(sulcus, width, h), slot(cleft, CLEFT_MM, h)))
    white = np.minimum(
        ramp(-surface - cortex, h),
        1 - np.maximum(slot(sulcus, width + cortex, h), slot(cleft, CLEFT_MM + cortex, h)),
    )
    inward = np.minimum(depth, sulcus - np.float32(width))
    canvas.lay("external_csf", ramp(-surface, h), surface < 0)
    canvas.lay("cerebral_cortex", tissue, inward > 0)
    canvas.lay("cerebral_white_matter", white, inward > cortex)


def _cerebellum(canvas, points, surface, size):
    near = surface < canvas.spacing
    with canvas.within(near) as inner:
        _, y, z = points[:, near]
        surface = surface[near]
        h = inner.spacing
        dy, dz = y - np.float32(FASTIGIUM[0]), z - np.float32(FASTIGIUM[1])
        turn = np.arctan2(dz, -dy) / np.float32(FOLIUM_RAD)
        folium = np.abs(turn - np.rint(turn)) * np.float32(FOLIUM_RAD) * np.hypot(dy, dz)
        folium = np.hypot(folium, np.maximum(-surface - 13, 0))
        cortex = 2.0 / size
        tissue = np.minimum(ramp(-surface, h), 1 - slot(folium, 0.35, h))
        white = np.minimum(ramp(-surface - cortex, h), 1 - slot(folium, 0.35 + cortex, h))
        inward = np.minimum(-surface, folium - np.float32(0.35))
        inner.lay("external_csf", ramp(-surface, h), surface < 0)
        inner.lay("cerebellar_cortex", tissue, inward > 0)
        inner.lay("cerebellar_white_matter", white, inward > cortex)


def _deep(canvas, points, person, visit):
    mirrored = np.stack([np.abs(points[0]), points[1], points[2]])
    k = person.shape

    def solid(name, centre, radii, tilt=0.0):
        canvas.fill(name, ellipsoid(mirrored, centre, tuple(r * k.get(name, 1.0) for r in radii), tilt))

    stem = k["brain_stem"]
    canvas.fill(
        "brain_stem",
        tube(
            points,
            [
                (0, 2, -13, 11 * stem),
                (0, 4, -30, 14 * stem),
                (0, -3, -46, 10 * stem),
                (0, -9, -72, 7.5 * stem),
            ],
        ),
    )
    solid("ventral_diencephalon", (11, 4, -13), (9.5, 11, 6.5))
    solid("thalamus", (12, 0, 0), (9.5, 15.5, 10.5), 12)
    solid("putamen", (26.5, 17, -1), (5.6, 17, 11), 8)
    solid("pallidum", (20, 13, -3), (4.2, 10, 7.5), 8)
    r = k["caudate"]
    canvas.fill(
        "caudate",
        tube(
            mirrored,
            [(11, 30, -3, 4.5 * r), (13, 29, 7, 6 * r), (17, 10, 17, 3.6 * r), (20, -10, 17, 2.4 * r)],
        ),
    )
    solid("amygdala", (24, 17, -19), (7.2, 6, 8))
    r = k["hippocampus"]
    canvas.fill(
        "hippocampus",
        tube(mirrored, [(24, 11, -21, 5.6 * r), (27, -5, -19, 4.8 * r), (20, -21, -9, 3.8 * r)]),
    )
    r = person.ventricles * visit.ventricles
    body = tube(
        mirrored,
        [
            (8, 37, 2, 3.6 * r),
            (8, 21, 13, 5 * r),
            (12, -5, 18, 5 * r),
            (19, -27, 12, 6 * r),
            (27, -29, -3, 4 * r),
        ],
    )
    horns = tube(mirrored, [(27, -29, -3, 4 * r), (34, -13, -17, 2.4 * r), (30, 11, -22, 1.8 * r)])
    back = tube(mirrored, [(20, -29, 9, 5 * r), (22, -53, 4, 1.8 * r)])
    lateral = np.minimum(np.minimum(body, horns), back)
    lateral = lateral - np.sign(points[0]) * np.float32(4 * (k["asymmetry"] - 1))
    # The septum keeps the two apart.
    canvas.fill("lateral_ventricle", np.maximum(lateral, np.float32(0.8) - mirrored[0]))
    r = k["third_ventricle"] * (person.ventricles * visit.ventricles) ** 1.5
    canvas.fill("third_ventricle", ellipsoid(points, (0, 8, -6), (2.2 * r, 15, 9)))
    r = k["fourth_ventricle"] * (person.ventricles * visit.ventricles) ** 0.5
    canvas.fill("fourth_ventricle", ellipsoid(points, (0, -15, -38), (6 * r, 4.5 * r, 14), -15))
