from pathlib import Path

import numpy as np
import pytest

from remnant.cohort.check.fingerprints import border, level_step, levels, origin, shape
from remnant.cohort.check.subject import Scan

RNG = np.random.default_rng(0)


def scan(array, affine=None):
    return Scan("p", "s", Path("x"), np.asarray(array, np.float32), np.eye(4) if affine is None else affine)


@pytest.mark.parametrize("step", [0.001234567, 0.5, 1.0, 5.95897, 876.5432])
@pytest.mark.parametrize("start", [0, 3])
def test_the_step_of_whole_multiples_comes_out_to_float32_precision(step, start):
    multiples = np.concatenate([[0, start], RNG.integers(0, 900, 20_000)])
    assert level_step((multiples * step).astype(np.float32)) == pytest.approx(step, rel=1e-6)


def test_levels_of_no_step_have_none():
    assert level_step(RNG.normal(size=5000).astype(np.float32)) is None
    assert level_step(np.zeros((4, 4, 4), np.float32)) is None


def test_border_shape_origin():
    array = np.zeros((9, 8, 7))
    array[1:-2, 3:-1, 2:] = RNG.uniform(1, 2, (6, 4, 5))
    assert border(scan(array)).tolist() == [1, 2, 3, 1, 2, 0]
    assert border(scan(np.ones((3, 3, 3)))).tolist() == [0] * 6
    affine = np.eye(4)
    affine[:3, 3] = 4, 5, 6
    assert shape(scan(array, affine)).tolist() == [9, 8, 7] and origin(scan(array, affine)).tolist() == [4, 5, 6]


def test_levels_leave_out_the_background():
    inside = RNG.uniform(100, 200, (6, 6, 6))
    padded = np.pad(inside, 4)
    assert np.allclose(np.sinh(levels(scan(padded))), np.percentile(inside, (5, 25, 50, 75, 95)), rtol=1e-3)
