import sys

import numpy as np
import pytest
from scipy import stats

from remnant.base.errors import RemnantError
from remnant.cohort.phantoms import BrainPhantoms
from remnant.measure.deformation import displacement_matrix


def test_how_to_install_what_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "ants", None)
    one = np.ones((1, 8, 8, 8), np.float32)
    with pytest.raises(RemnantError, match=r"remnant\[register\].*'fast'"):
        displacement_matrix(one, one, 3.0, backend="ants")


@pytest.mark.slow
def test_ours_ranks_pairs_as_ants_does_and_ants_repeats():
    phantoms = BrainPhantoms(patients=3, sessions=2, side=32)
    first, second = (
        np.stack([phantoms.scan(patient, session).image for patient in range(3)]).astype(np.float32)
        for session in (0, 1)
    )
    first, second = first / first.max(), second / second.max()
    ants = displacement_matrix(second, first, 6.0, backend="ants")
    fast = displacement_matrix(second, first, 6.0)
    assert stats.spearmanr(ants.ravel(), fast.ravel()).statistic > 0.6
    assert (fast.argmin(1) == np.arange(3)).all()
    np.testing.assert_array_equal(displacement_matrix(second[2:], first, 6.0, backend="ants"), ants[2:])
