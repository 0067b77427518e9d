"""What differs between two radiographs of one person: pose, breath, view and exposure; drawn here, applied by `chest_render`."""

from dataclasses import dataclass

import numpy as np

from remnant.base.seeds import Seeds
from remnant.cohort.phantoms.chest_anatomy import WARP_GRID
from remnant.cohort.phantoms.fields import Field, smooth_noise

AP_SHARE = 0.25
AP_HEART = 1.06  # the heart lies further from the detector
AP_BREATH_MM = 7.0  # whoever lies breathes less deeply
WOBBLE_MM = 1.0


@dataclass(frozen=True)
class ChestVisit:
    """One radiograph. Lengths in mm, angles in radians."""

    years: float  # since the first; the body is still drawn as it was then
    view: str  # "PA" or "AP"
    angle: float
    shift: tuple[float, float]
    magnification: float
    heart: float  # multiplier of the heart's width
    breath_mm: float  # how far the diaphragm stands above full inspiration
    shoulders_mm: float
    stomach: float  # how much gas there is in the stomach, 0 to 1
    wobble: Field  # (2, ...) mm, on the grid of the person's warp
    contrast: float
    brightness: float
    gamma: float
    noise: float  # standard deviation in the middle of the greys, at 256 pixels a side
    noise_seed: int


def draw(seed: int, patient: int, session: int) -> ChestVisit:
    """Visit number `session` (from 0) of a person; each is half a year to a year and a half after the last."""
    seeds = Seeds(seed).child("chest", patient, "session", session)
    draws = seeds.child("visit").numpy()
    years = sum(
        float(Seeds(seed).child("chest", patient, "gap", visit).numpy().uniform(0.5, 1.5)) for visit in range(session)
    )
    lying = bool(draws.random() < AP_SHARE)
    shape, origin, spacing = WARP_GRID
    wobble = smooth_noise(seeds.child("wobble").numpy(), 2, shape, spacing, 42.0)
    return ChestVisit(
        years=years,
        view="AP" if lying else "PA",
        angle=float(np.radians(draws.normal(0, 1.2))),
        shift=(float(draws.normal(0, 4.0)), float(draws.normal(0, 5.0))),
        magnification=float(np.exp(draws.normal(0.02 * lying, 0.015))),
        heart=float((AP_HEART if lying else 1.0) * np.exp(draws.normal(0, 0.01))),
        breath_mm=float(abs(draws.normal(0, 5.0)) + AP_BREATH_MM * lying),
        shoulders_mm=float(draws.normal(-6.0 * lying, 4.0)),
        stomach=float(draws.uniform(0, 1)),
        wobble=Field(np.float32(WOBBLE_MM) * wobble, origin, spacing),
        contrast=float(np.exp(draws.normal(0, 0.06))),
        brightness=float(draws.normal(0, 0.02)),
        gamma=float(np.exp(draws.normal(0, 0.08))),
        noise=float(0.014 * np.exp(draws.normal(0, 0.25))),
        noise_seed=seeds.child("noise").integer,
    )
