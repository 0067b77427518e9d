"""How well label maps of several patients fit, a class and a patient at a time."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from remnant.measure.overlap import dice, weighted_dice

OVERALL = "overall"
CLEAN = "clean"  # the condition of scans that nobody spoilt

PerPatient = dict[str, float]


@dataclass(frozen=True)
class Overlap:
    """Dice of k test scans under one condition: `dice` float64 (k, classes), column 0 the background, NaN where neither map has
    the class; `overall` float64 (k,), weighted by region size; `patients` (k,); `classes` by name.
    """

    patients: tuple[str, ...]
    dice: np.ndarray
    overall: np.ndarray
    classes: tuple[str, ...]


def overlap_of(maps: np.ndarray, truth: np.ndarray, patients: Sequence[str], classes: tuple[str, ...]) -> Overlap:
    """Dice of label maps uint8 (k, x, y, z) of scans of `patients` (k,) with the `truth` (k, x, y, z) in these `classes`."""
    values = dice(maps, truth, len(classes))
    return Overlap(tuple(patients), values, weighted_dice(values, truth), classes)


def per_class(overlap: Overlap) -> dict[str, PerPatient]:
    """Each patient's Dice by class and overall, the mean of his scans; a patient without a class is not in it."""
    whose = np.array(overlap.patients)
    columns = {name: overlap.dice[:, i] for i, name in enumerate(overlap.classes) if i > 0} | {OVERALL: overlap.overall}
    return {
        name: {
            patient: float(own.mean())
            for patient in dict.fromkeys(overlap.patients)
            if len(own := values[(whose == patient) & np.isfinite(values)])
        }
        for name, values in columns.items()
    }


def first_scans(overlap: Overlap, patients: Collection[str]) -> Overlap:
    """The first scan of each of these patients."""
    first = [overlap.patients.index(patient) for patient in dict.fromkeys(overlap.patients) if patient in patients]
    whose = tuple(overlap.patients[i] for i in first)
    return Overlap(whose, overlap.dice[first], overlap.overall[first], overlap.classes)
