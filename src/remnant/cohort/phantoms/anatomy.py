"""Who a phantom is: everything that stays the same between two scans of one person, drawn from a seed.

All lengths are millimetres in the person's own head: x to the right, y forward, z up, the origin between the
two thalami. Sizes and places of the structures are near the means of adult head label maps; how they vary is
below.

Known effects, for tests of what an attack finds out:

- age (18 to 90 years): the radius of the ventricles grows by `VENTRICLE_PER_YEAR` (as an exponent; the
  volume about twice as fast), cortex thins by `THINNING_PER_YEAR` mm, sulci widen by `SULCUS_PER_YEAR` mm,
  grey and white matter lose contrast;
- sex: a man's head is larger than a woman's by `MALE_SCALE - FEMALE_SCALE` in each direction, 5% on
  average (so about 16% in volume; individual variation has a standard deviation of 2% in length, and of 1.5%
  more along each axis).
"""

import functools
from dataclasses import dataclass

import numpy as np

from remnant.base.seeds import Seeds
from remnant.cohort.phantoms.fields import Field, banded_noise, smooth_noise

AGES = (18.0, 90.0)
VENTRICLE_PER_YEAR = 0.009
THINNING_PER_YEAR = 0.007
SULCUS_PER_YEAR = 0.004
MALE_SCALE, FEMALE_SCALE = 1.02, 0.97

WARP_GRID = ((17, 20, 22), (-96.0, -108.0, -132.0), 12.0)
FOLD_GRID = ((36, 45, 25), (-70.0, -88.0, -42.0), 4.0)
FOLD_WAVELENGTH_MM = 23.0
# Shares of variance of the folding: what all people have in common (the great sulci), and of the rest what
# the two hemispheres share.
COMMON_FOLDING = 0.65
MIRRORED_FOLDING = 0.6
WARP_MM = 2.2


@dataclass(frozen=True)
class Anatomy:
    """One person. `shape` holds named multipliers around 1 of single features (nose, jaw, nuclei, ...)."""

    age: float
    sex: str
    scale: np.ndarray  # (3,) size of the head along x, y, z against the template
    ventricles: float  # multiplier of the ventricles' radius
    cortex_mm: float
    sulcus_mm: float  # half width of a sulcus
    shape: dict[str, float]
    warp: Field  # (3, ...) from the person's head to the template, mm
    folds: Field  # (2, ...) signed distance to the nearest sulcus, mm; how deep sulci go, standard normal
    texture: Field  # (1, ...) brightness within tissue, standard normal


FEATURES = {
    "caudate": 0.07,
    "putamen": 0.06,
    "pallidum": 0.07,
    "thalamus": 0.05,
    "hippocampus": 0.09,
    "amygdala": 0.08,
    "third_ventricle": 0.18,
    "fourth_ventricle": 0.1,
    "asymmetry": 0.08,
    "cerebellum": 0.05,
    "brain_stem": 0.04,
    "skull": 0.15,
    "scalp": 0.2,
    "nose_length": 0.15,
    "nose_width": 0.12,
    "jaw_width": 0.07,
    "jaw_length": 0.07,
    "face": 0.04,
    "eye_distance": 0.05,
    "brow": 0.08,
    "neck": 0.1,
}


@functools.lru_cache(maxsize=4)
def draw(seed: int, patient: int) -> Anatomy:
    """The person number `patient` (from 0) of the people of `seed`."""
    seeds = Seeds(seed).child("phantom", patient)
    traits = seeds.child("traits").numpy()
    age = round(float(traits.uniform(*AGES)), 1)
    sex = "M" if traits.random() < 0.5 else "F"
    size = (MALE_SCALE if sex == "M" else FEMALE_SCALE) * np.exp(0.02 * traits.standard_normal())
    scale = (size * np.exp(0.015 * traits.standard_normal(3))).astype(np.float32)
    ventricles = float(np.exp(VENTRICLE_PER_YEAR * (age - 45) + 0.17 * traits.standard_normal()))
    shape = {name: float(np.exp(sd * traits.standard_normal())) for name, sd in FEATURES.items()}
    cortex = 2.75 - THINNING_PER_YEAR * (age - AGES[0]) + 0.1 * traits.standard_normal()
    sulcus = 0.3 + SULCUS_PER_YEAR * (age - AGES[0]) + 0.06 * abs(traits.standard_normal())

    grid, origin, spacing = WARP_GRID
    noise = smooth_noise(seeds.child("warp").numpy(), 3, grid, spacing, 22.0)
    # The two halves of a head are alike, not equal: half of the warp's power is mirrored.
    mirrored = (noise + np.array([-1, 1, 1], np.float32)[:, None, None, None] * noise[:, ::-1]) * np.float32(0.5**0.5)
    other = smooth_noise(seeds.child("skew").numpy(), 3, grid, spacing, 22.0)
    warp = Field(np.float32(WARP_MM) * (np.float32(0.9) * mirrored + np.float32(0.44) * other), origin, spacing)

    texture = smooth_noise(seeds.child("texture").numpy(), 1, (24, 27, 22), 7.0, 6.0)
    return Anatomy(
        age,
        sex,
        scale,
        ventricles,
        float(cortex),
        float(sulcus),
        shape,
        warp,
        _folds(seeds.child("folds")),
        Field(texture, (-80.0, -90.0, -72.0), 7.0),
    )


def _folds(seeds: Seeds) -> Field:
    """Sulci are the zeros of a banded field, part everybody's, part this person's own.

    Dividing the field by its slope makes it a distance in mm near its zeros, which a linear interpolation
    keeps.
    """
    grid, origin, spacing = FOLD_GRID
    own = _symmetric(banded_noise(seeds.child("waves").numpy(), 2, grid, spacing, FOLD_WAVELENGTH_MM))
    waves = np.float32(COMMON_FOLDING**0.5) * _common_folds() + np.float32((1 - COMMON_FOLDING) ** 0.5) * own
    slopes = np.gradient(waves, spacing)
    typical = 2 * np.pi / FOLD_WAVELENGTH_MM
    slope = np.sqrt(sum(s * s for s in slopes) + np.float32((0.35 * typical) ** 2))
    depth = smooth_noise(seeds.child("depth").numpy(), 1, grid, spacing, 12.0)[0]
    return Field(np.stack([waves / slope, depth]).astype(np.float32), origin, spacing)


@functools.cache
def _common_folds() -> np.ndarray:
    grid, _, spacing = FOLD_GRID
    # One template of mankind: the same for every seed.
    return _symmetric(banded_noise(Seeds(0).child("mankind").numpy(), 2, grid, spacing, FOLD_WAVELENGTH_MM))


def _symmetric(noise: np.ndarray) -> np.ndarray:
    """One field out of two: the first mirrored at x = 0 (the grid is centred there), the second free."""
    mirrored = (noise[0] + noise[0, ::-1]) * np.float32(0.5**0.5)
    return np.float32(MIRRORED_FOLDING**0.5) * mirrored + np.float32((1 - MIRRORED_FOLDING) ** 0.5) * noise[1]
