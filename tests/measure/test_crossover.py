"""The effect of a role against least squares of statsmodels, an exact count by hand, and simulation."""

import math

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf

from remnant.base.errors import RemnantError
from remnant.measure.crossover import role_effect


def generator(seed=0):
    return np.random.default_rng(seed)


def rotation(patients, folds):
    """Groups that rotate: the members of a fold are non-members of the next."""
    group = np.arange(patients) % folds
    return group, (group + 1) % folds


def drawn(random, patients=24, folds=4, effect=0.0, fold_sd=1.0, sd=0.5):
    members, others = rotation(patients, folds)
    ease = random.normal(0, fold_sd, folds)
    return effect + ease[members] - ease[others] + random.normal(0, sd, patients), members, others


@pytest.mark.parametrize(("patients", "folds"), [(24, 4), (26, 4), (40, 2), (15, 3)])
def test_effect_and_interval_are_those_of_least_squares_with_patients_and_folds(patients, folds):
    d, members, others = drawn(generator(patients), patients, folds, effect=0.3)
    level = generator(1).normal(size=patients)
    table = pd.DataFrame(
        {
            "value": np.concatenate([level + d, level]),
            "patient": np.tile(np.arange(patients), 2),
            "fold": np.concatenate([members, others]),
            "role": np.repeat([1.0, 0.0], patients),
        }
    )
    fit = smf.ols("value ~ role + C(patient) + C(fold)", table).fit()
    found = role_effect(d, members, others, generator(), resamples=100)
    assert found.difference == pytest.approx(fit.params["role"])
    np.testing.assert_allclose([found.low, found.high], fit.conf_int().loc["role"])
    assert (found.n, found.trainings) == (patients, folds)


def test_the_order_of_patients_changes_nothing():
    d, members, others = drawn(generator(2))
    order = generator(3).permutation(24)
    one, other = (role_effect(d[i], members[i], others[i], generator(4), resamples=500) for i in (np.arange(24), order))
    assert one == other


def test_without_effects_of_folds_it_is_the_sign_flip_test():
    """Two patients in two folds: of four deals two are as extreme."""
    found = role_effect(np.array([0.2, 0.1]), [0, 1], [1, 0], generator())
    assert found.difference == pytest.approx(0.15) and found.p == 0.5
    assert math.isnan(found.low) and not found.p_bound


@pytest.mark.parametrize("patients", [12, 24])
def test_nothing_is_found_where_there_is_nothing_whatever_the_folds(patients):
    random, hits = generator(5), 0
    for _ in range(400):
        hits += role_effect(*drawn(random, patients), random, resamples=199).p <= 0.05
    assert hits / 400 < 0.09


def test_folds_that_differ_hide_no_effect():
    """With folds twice as far apart as patients, the mean of the differences alone would not see what the model does."""
    random, seen = generator(6), 0
    for _ in range(60):
        found = role_effect(*drawn(random, effect=0.5, fold_sd=1.0), random, resamples=499)
        seen += found.p <= 0.05 and found.low > 0
    assert seen / 60 > 0.9


def test_the_interval_covers_the_effect_in_these_trainings():
    random, covered = generator(7), 0
    for _ in range(300):
        found = role_effect(*drawn(random, effect=0.2), random, resamples=1)
        covered += found.low <= 0.2 <= found.high
    assert 0.91 < covered / 300 < 0.99


def test_no_deal_as_extreme_is_a_bound():
    found = role_effect(10 + generator().normal(0, 0.1, 24), *rotation(24, 4), generator(), resamples=99)
    assert found.p == 0.01 and found.p_bound


def test_below_ten_patients_only_an_exact_p():
    found = role_effect(1 + generator().normal(0, 0.1, 9), *rotation(9, 3), generator())
    assert found.p <= 4 / 2**9 and math.isnan(found.low) and math.isnan(found.high) and math.isfinite(found.difference)


def test_roles_that_are_the_folds_say_nothing():
    found = role_effect(np.ones(12), np.zeros(12), np.ones(12), generator())
    assert math.isnan(found.difference) and math.isnan(found.p) and found.n == 12
    assert math.isnan(role_effect([], [], [], generator()).difference)


def test_refuses():
    with pytest.raises(RemnantError):
        role_effect([math.nan], [0], [1], generator())
    with pytest.raises(RemnantError):
        role_effect([1.0, 2.0], [0], [1], generator())
