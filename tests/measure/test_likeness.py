import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from remnant.base.errors import RemnantError
from remnant.cohort.phantoms import ChestPhantoms
from remnant.measure.likeness import likeness

SIDE = 32


@pytest.fixture(scope="module")
def chests():
    people = ChestPhantoms(patients=60, sessions=1, side=SIDE)
    return np.stack([people.scan(i, 0).image for i in range(60)])


def test_other_radiographs_are_alike_and_so_are_blurred_ones(chests):
    for drawn in (chests[:30], gaussian_filter(chests[:30], (0, 2, 2))):
        found = likeness(drawn, chests[30:])
        assert found.alike and found.typical > 0.5 and (found.drawn, found.real) == (30, 30)


def test_noise_blanks_one_image_and_another_anatomy_are_unlike(chests):
    draw = np.random.default_rng(0)
    real, shape = chests[30:], chests[:30].shape
    unlike = {
        "noise": draw.random(shape),
        "blank": np.full(shape, 0.5) + draw.normal(0, 0.01, shape),
        "one image": real.mean(0) + draw.normal(0, 0.01, shape),
        "upside down": chests[:30, ::-1],
        "inverted": 1 - chests[:30],
    }
    found = {name: likeness(drawn, real) for name, drawn in unlike.items()}
    assert not any(one.alike for one in found.values())
    # The mean is near to everybody: only that it is drawn every time gives it away.
    assert found["one image"].typical == 1 and not found["one image"].varied


def test_one_odd_radiograph_makes_no_room_for_anything(chests):
    real = np.concatenate([chests[30:], 1 - chests[:1]])
    assert not likeness(np.random.default_rng(0).random(chests[:30].shape), real).alike


def test_sides_may_differ(chests):
    small = chests[:30].reshape(30, 16, 2, 16, 2).mean((2, 4))
    one, other = likeness(small, chests[30:]), likeness(chests[:30], chests[30:])
    assert one.typical == other.typical and one.spread == pytest.approx(other.spread, rel=1e-5)


@pytest.mark.parametrize("drawn", [np.zeros((1, 32, 32)), np.zeros((4, 8, 8)), np.zeros((4, 32, 16))])
def test_what_cannot_be_compared_is_refused(chests, drawn):
    with pytest.raises(RemnantError):
        likeness(drawn, chests)
