"""How patients are called changes no number: pseudonyms differ from run to run."""

import numpy as np
import pytest

from remnant.measure.distribution import component_kurtosis
from remnant.measure.frechet import frechet_with_floor
from remnant.measure.identity import own_versus_others_auc
from remnant.measure.intervals import numbered, paired_difference
from remnant.measure.retrieval import retrieval
from remnant.measure.verification import verification

DRAW = np.random.default_rng(0)
FEATURES = DRAW.normal(size=(40, 3)) + np.repeat(DRAW.normal(size=(20, 3)), 2, axis=0)
SCORES = DRAW.normal(size=(40, 40)) + 1.5 * np.equal.outer(np.arange(40) // 2, np.arange(40) // 2)
PLACES = np.arange(40) // 2


def random():
    return np.random.default_rng(1)


def pairs(names):
    return [(names[i], names[j]) for i in range(40) for j in range(i)]


MEASURES = {
    "kurtosis": lambda names: component_kurtosis(FEATURES, random(), names).low.tolist(),
    "frechet": lambda names: vars(frechet_with_floor(FEATURES[:10], FEATURES, random(), names)),
    "identity": lambda names: own_versus_others_auc(SCORES, np.arange(40), random(), patients=names),
    "retrieval": lambda names: retrieval(-SCORES, names, random()),
    "paired difference": lambda names: vars(
        paired_difference(dict(zip(names[::2], SCORES[0, ::2], strict=True)), dict.fromkeys(names, 0.0), random())
    ),
    "verification": lambda names: verification(
        np.array([SCORES[i, j] for i in range(40) for j in range(i)]), pairs(names), 1.0, random()
    ),
}


@pytest.mark.parametrize("name", MEASURES)
def test_other_names_give_the_same_numbers(name):
    called = np.array([f"P{place:02d}" for place in PLACES])
    other = np.array([f"P{(place * 7) % 20:02d}" for place in PLACES])
    assert MEASURES[name](called) == MEASURES[name](other)


def test_patients_are_numbered_in_the_order_in_which_they_come():
    count, numbers = numbered(["c", "a", "c", "b"])
    assert count == 3 and numbers.tolist() == [0, 1, 0, 2]
    assert numbered([])[0] == 0
