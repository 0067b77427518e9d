"""What differs between two scans of one person, months apart: drawn here, applied by `render`."""

from dataclasses import dataclass

import numpy as np

from remnant.base.seeds import Seeds
from remnant.cohort.phantoms.anatomy import WARP_GRID, Anatomy
from remnant.cohort.phantoms.fields import Field, smooth_noise
from remnant.cohort.phantoms.labels import STRUCTURES

VENTRICLE_GROWTH_PER_YEAR = 0.015
THINNING_PER_YEAR = 0.01
WOBBLE_MM = 0.25


@dataclass(frozen=True)
class Session:
    """One visit. Intensities are relative until `gain` turns them into the scanner's arbitrary units."""

    years: float  # since the first visit
    rotation: np.ndarray  # (3, 3) scanner to head
    shift: np.ndarray  # (3,) mm
    ventricles: float  # multiplier of the ventricles' radius
    cortex_mm: float
    sulcus_mm: float
    wobble: Field  # (3, ...) mm on the grid of the person's warp: gradient distortion, soft tissue
    brightness: np.ndarray  # one per structure, indexed by label value
    gamma: float
    gain: float
    bias: Field  # (1, ...) log of the coil's sensitivity
    noise: float  # sigma of the Rician noise, white matter being 1
    mask_mm: float  # how far beyond the brain the skull-stripping cut
    noise_seed: int


def draw(seed: int, patient: int, session: int, anatomy: Anatomy) -> Session:
    """Visit number `session` (from 0) of a person; each visit is half a year to a year and a half after the
    last.
    """
    seeds = Seeds(seed).child("phantom", patient, "session", session)
    draws = seeds.child("scan").numpy()
    years = sum(
        float(Seeds(seed).child("phantom", patient, "gap", visit).numpy().uniform(0.5, 1.5)) for visit in range(session)
    )
    grid, origin, spacing = WARP_GRID
    usual = np.zeros(max(s.index for s in STRUCTURES) + 1)
    for structure in STRUCTURES:
        usual[structure.index] = structure.t1
    # White matter dulls with age, so that grey and white matter come closer.
    fade = 0.0015 * (anatomy.age + years - 18)
    usual = usual + fade * (0.8 - usual) * (usual > 0.5)
    return Session(
        years=years,
        rotation=rotation_matrix(np.radians(draws.normal(0, 3.0, 3))),
        shift=draws.normal(0, 2.5, 3).astype(np.float32),
        ventricles=float(np.exp(VENTRICLE_GROWTH_PER_YEAR * years)),
        cortex_mm=anatomy.cortex_mm - THINNING_PER_YEAR * years + 0.03 * draws.standard_normal(),
        sulcus_mm=anatomy.sulcus_mm + 0.5 * THINNING_PER_YEAR * years,
        wobble=Field(
            np.float32(WOBBLE_MM) * smooth_noise(seeds.child("wobble").numpy(), 3, grid, spacing, 16.0),
            origin,
            spacing,
        ),
        brightness=(usual * np.exp(0.025 * draws.standard_normal(usual.size))).astype(np.float32),
        gamma=float(np.exp(0.06 * draws.standard_normal())),
        gain=float(1100 * np.exp(0.25 * draws.standard_normal())),
        bias=Field(
            np.float32(0.1) * smooth_noise(seeds.child("bias").numpy(), 1, (12, 13, 13), 25.0, 45.0),
            (-140.0, -150.0, -170.0),
            25.0,
        ),
        noise=float(0.016 * np.exp(0.25 * draws.standard_normal())),
        mask_mm=float(1.2 + 0.3 * draws.standard_normal()),
        noise_seed=seeds.child("noise").integer,
    )


def rotation_matrix(angles: np.ndarray) -> np.ndarray:
    """Rotation matrix (3, 3) from angles about x, y, z in radians, applied in that order."""
    cosines, sines = np.cos(angles), np.sin(angles)
    about_x = np.array([[1, 0, 0], [0, cosines[0], -sines[0]], [0, sines[0], cosines[0]]])
    about_y = np.array([[cosines[1], 0, sines[1]], [0, 1, 0], [-sines[1], 0, cosines[1]]])
    about_z = np.array([[cosines[2], -sines[2], 0], [sines[2], cosines[2], 0], [0, 0, 1]])
    return (about_z @ about_y @ about_x).astype(np.float32)
