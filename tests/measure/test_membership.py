"""How many members are found at a false positive rate."""

import math

import numpy as np
import pytest

from remnant.measure.intervals import clopper_pearson
from remnant.measure.membership import true_positives


def test_true_positives_only_where_there_are_non_members_enough():
    non_members = np.arange(400) / 400
    members = np.array([0.5, 0.9905, 0.995, 0.9999])
    tenth, hundredth, thousandth = true_positives(members, non_members)
    assert tenth.share.mean == 0.75 and hundredth.share.mean == 0.75
    assert (non_members > members[1]).mean() < 0.01
    assert math.isnan(thousandth.share.mean) and thousandth.needed == 3000
    assert thousandth.describe() == "not resolvable with 400 non-members (needs 3000)"
    assert hundredth.describe().startswith("75.0% [19.4%")
    (exact,) = true_positives(np.array([26.5, 25.5]), np.arange(30.0), [0.1])
    assert exact.share.mean == 0.5  # three of thirty exceed 26, four exceed 25.5


def test_a_signal_of_two_values_finds_some_where_its_area_says_so():
    right = np.repeat([1.0, 0.0], [57, 3]), np.repeat([1.0, 0.0], [40, 20])
    (found,) = true_positives(*right, [0.1])
    # A tenth of the non-members, 6 of the 40 whose answer is right, and so 15% of the members whose is.
    assert found.share.mean == pytest.approx(0.15 * 57 / 60) and found.describe().startswith("14.2% [")
    assert (found.share.low, found.share.high) == (clopper_pearson(8, 60).low, clopper_pearson(9, 60).high)
    (tied,) = true_positives(np.full(5, 0.5), np.full(40, 0.5), [0.1])
    assert tied.share.mean == pytest.approx(0.1)  # who cannot be distinguished is found by guessing
