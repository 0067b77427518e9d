"""Patients and sessions that a phantom cohort does not have."""

import pytest

from remnant.base.errors import RemnantError
from remnant.cohort.phantoms import BrainPhantoms, ChestPhantoms


@pytest.mark.parametrize("cohort", [BrainPhantoms(patients=2, side=32), ChestPhantoms(patients=2, side=32, sessions=1)])
def test_numbers_beyond_the_cohort_are_refused(cohort):
    with pytest.raises(RemnantError, match=r"patient of a phantom must be from 0 to 1\. Got 2"):
        cohort.patient(2)
    with pytest.raises(RemnantError, match=r"session of a phantom must be from 0 to 0\. Got -1"):
        cohort.scan(0, -1)
