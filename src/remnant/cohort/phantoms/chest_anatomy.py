"""Who a phantom chest is: everything that stays the same between two radiographs of one person, drawn from a seed.

Lengths are millimetres in the plane of the picture of a person of mean size: x to the right of the picture (the patient's
left), y down, the origin in the middle of the chest. Sizes are near those of adults; how they vary is below.

Known effects, for tests of what an attack finds out:

- age (18 to 90 years): ribs fade by `RIB_FADE_PER_YEAR` (as an exponent), the aortic knob's radius grows by
  `KNOB_PER_YEAR` mm, from `CALCIFICATION_FROM` years on its wall and the rib cartilages calcify, the lungs get lower by
  `LUNG_PER_YEAR` mm, and the cardio-thoracic ratio grows by `RATIO_PER_YEAR`;
- sex: a woman's breasts lie over her lower lungs (`BREAST_MM` of tissue), a man's chest is larger (`MALE_SCALE` against
  `FEMALE_SCALE`) and wider for its height (`MALE_WIDTH` against `FEMALE_WIDTH`);
- cardiomegaly: the heart's width over the inner width of the chest is above `LARGE_HEART`; nobody's lies within 0.015 of it.
"""

import functools
from dataclasses import dataclass

import numpy as np

from remnant.base.seeds import Seeds
from remnant.cohort.phantoms.fields import Field, smooth_noise

AGES = (18.0, 90.0)
MIDDLE_AGE = 54.0
RIB_FADE_PER_YEAR = 0.008
KNOB_PER_YEAR = 0.11
CALCIFICATION_FROM = 45.0
CALCIFICATION_PER_YEAR = 0.022
LUNG_PER_YEAR = 0.3
RATIO_PER_YEAR = 0.0006
BREAST_MM = (34.0, 8.0)  # mean and standard deviation over women
MALE_SCALE, FEMALE_SCALE = 1.03, 0.96
MALE_WIDTH, FEMALE_WIDTH = 1.015, 0.985
LARGE_HEART = 0.5
CLEAR = 0.015
CARDIOMEGALY = 0.4  # the share of people who have it
RATIOS = {False: (0.435, 0.028), True: (0.57, 0.032)}

RIBS = 10
WARP_GRID = ((22, 22), (-252.0, -252.0), 24.0)
WARP_MM = 4.0
# The lungs' markings in polar coordinates around each hilum: 0.9 of the distance in mm, and 72 times the angle in radians.
VESSEL_GRID = ((8, 16), (0.0, -240.0), 32.0)

# Standard deviations of what varies between people: in mm, or as an exponent.
MILLIMETRES = {
    "apex": 5.0,
    "dome": 6.0,
    "dome_left": 4.0,
    "clavicle": 5.0,
    "clavicle_slope": 5.0,
    "trachea": 2.5,
    "bend": 4.0,
}
FACTORS = {
    "ribs": 0.03,
    "rib_drop": 0.12,
    "rib_width": 0.08,
    "bone": 0.1,
    "depth": 0.06,
    "fat": 0.05,
    "heart_height": 0.07,
    "knob": 0.07,
    "hilum": 0.2,
    "markings": 0.2,
    "breast_width": 0.08,
    "breast_height": 0.12,
    "shoulder": 0.05,
}


@dataclass(frozen=True)
class Thorax:
    """One person. `shape` holds what varies without an effect of age or sex: mm around 0 (`MILLIMETRES`) or multipliers
    around 1 (`FACTORS`); `ribs` (2, 3, RIBS): on either side each rib's own height, drop (mm) and width (as a factor).
    """

    age: float
    sex: str
    ratio: float  # of the heart's width to that of the chest, in full inspiration
    scale: tuple[float, float]  # size along x and y
    lung_mm: float  # how much lower than at `MIDDLE_AGE` the lungs are
    knob_mm: float
    bone: float  # multiplier of what the ribs absorb
    calcification: float
    breast_mm: float
    shape: dict[str, float]
    ribs: np.ndarray
    spots: np.ndarray  # (n, 4) x, y, radius, mm of bone: old granulomas
    warp: Field  # (2, ...) mm
    vessels: Field  # (2, ...) one channel a lung, standard normal

    @property
    def large_heart(self) -> bool:
        return self.ratio > LARGE_HEART


@functools.lru_cache(maxsize=4)
def draw(seed: int, patient: int) -> Thorax:
    """The person number `patient` (from 0) of the people of `seed`."""
    seeds = Seeds(seed).child("chest", patient)
    traits = seeds.child("traits").numpy()
    age = round(float(traits.uniform(*AGES)), 1)
    sex = "M" if traits.random() < 0.5 else "F"
    large = bool(traits.random() < CARDIOMEGALY)
    older = age - MIDDLE_AGE
    mean, spread = RATIOS[large]
    ratio = mean + RATIO_PER_YEAR * older + spread * traits.standard_normal()
    ratio = max(ratio, LARGE_HEART + CLEAR) if large else min(ratio, LARGE_HEART - CLEAR)
    size, width = (MALE_SCALE, MALE_WIDTH) if sex == "M" else (FEMALE_SCALE, FEMALE_WIDTH)
    size *= np.exp(0.025 * traits.standard_normal())
    width *= np.exp(0.02 * traits.standard_normal())
    shape = {name: float(sd * traits.standard_normal()) for name, sd in MILLIMETRES.items()}
    shape |= {name: float(np.exp(sd * traits.standard_normal())) for name, sd in FACTORS.items()}
    breast = max(12.0, traits.normal(*BREAST_MM)) if sex == "F" else abs(traits.normal(0, 3.0))
    ribs = traits.normal(0, 1, (2, 3, RIBS)) * np.array([1.8, 3.0, 0.04])[:, None]
    calcification = CALCIFICATION_PER_YEAR * max(0.0, age - CALCIFICATION_FROM) * np.exp(0.3 * traits.standard_normal())
    count = int(traits.poisson(0.8))
    spots = traits.uniform((-100, -90, 1.5, 6), (100, 70, 3.5, 16), (count, 4))

    nodes, origin, spacing = WARP_GRID
    noise = smooth_noise(seeds.child("warp").numpy(), 2, nodes, spacing, 42.0)
    vessels = smooth_noise(seeds.child("vessels").numpy(), 2, VESSEL_GRID[0], VESSEL_GRID[2], 26.0)
    return Thorax(
        age,
        sex,
        float(ratio),
        (float(size * width), float(size / width)),
        LUNG_PER_YEAR * older,
        15.0 * shape["knob"] + KNOB_PER_YEAR * older,
        shape["bone"] * float(np.exp(-RIB_FADE_PER_YEAR * older)),
        float(calcification),
        float(breast),
        shape,
        ribs.astype(np.float32),
        spots.astype(np.float32),
        Field(np.float32(WARP_MM) * noise, origin, spacing),
        Field(vessels, VESSEL_GRID[1], VESSEL_GRID[2]),
    )
