"""How alike two groups of patients are in what may distinguish them beside what is asked."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

# Standardised differences from here on are commonly taken for an imbalance (Austin 2009).
IMBALANCE = 0.25


@dataclass(frozen=True)
class Balance:
    """One trait of two groups: each mean over the patients who have it, how many those are, and the standardised difference."""

    first: float
    second: float
    first_patients: int
    second_patients: int
    difference: float

    @property
    def apart(self) -> bool:
        """Whether the groups differ by more than is commonly let pass."""
        return abs(self.difference) > IMBALANCE


def balance(
    first: Sequence[float] | np.ndarray,
    first_patients: Sequence[str],
    second: Sequence[float] | np.ndarray,
    second_patients: Sequence[str],
) -> Balance:
    """Hold a trait of images, (n,) with the patient of each, NaN where unknown, of one group against the other's.

    The difference of means over patients in units of the pooled standard deviation (Austin 2009, doi:10.1002/sim.3697, eq. 1);
    0 where neither varies and they are equal, infinite where they are not, NaN where a group has no value.
    """
    one, other = _means(first, first_patients), _means(second, second_patients)
    if not len(one) or not len(other):
        return Balance(
            *(float(part.mean()) if len(part) else math.nan for part in (one, other)), len(one), len(other), math.nan
        )
    apart, spread = one.mean() - other.mean(), math.sqrt((one.var() + other.var()) / 2)
    difference = apart / spread if spread else math.copysign(math.inf, apart) if apart else 0.0
    return Balance(float(one.mean()), float(other.mean()), len(one), len(other), float(difference))


def _means(values: Sequence[float] | np.ndarray, patients: Sequence[str]) -> np.ndarray:
    """The mean of each patient's known values."""
    of_patient: dict[str, list[float]] = {}
    for value, patient in zip(values, patients, strict=True):
        if not math.isnan(value):
            of_patient.setdefault(patient, []).append(float(value))
    return np.array([np.mean(own) for own in of_patient.values()])
