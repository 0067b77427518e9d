"""Standardised differences, by patient."""

import math

import numpy as np
import pytest

from remnant.measure.balance import balance


def test_the_difference_is_in_pooled_standard_deviations_over_patients():
    random = np.random.default_rng(0)
    one, other = random.normal(60, 10, 4000), random.normal(55, 10, 4000)
    names = [str(i) for i in range(4000)]
    found = balance(one, names, other, names)
    assert found.difference == pytest.approx(0.5, abs=0.06) and found.apart
    assert not balance(one, names, one + 1, names).apart
    # A patient counts once, whatever his images.
    assert balance([1, 1, 1, 5], ["a", "a", "a", "b"], [3.0], ["c"]).first == 3


def test_what_is_not_known_does_not_count():
    found = balance([1.0, math.nan], ["a", "b"], [math.nan], ["c"])
    assert (found.first_patients, found.second_patients) == (1, 0) and math.isnan(found.difference) and not found.apart
    assert balance([2.0], ["a"], [2.0], ["b"]).difference == 0
    assert balance([3.0], ["a"], [2.0], ["b"]).difference == math.inf
