"""Anonymity sets: counted by hand, covered in simulation, bounded where the validation is too small."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remnant.base.errors import RemnantError
from remnant.measure.anonymity import Errors, Population, anonymity_set, population_of, stationary_population


def generator(seed=0):
    return np.random.default_rng(seed)


def errors(n=199, years=5.0, wrong=0.0, seed=0):
    random = generator(seed)
    return Errors(random.normal(0, years, n), random.random(n) >= wrong)


def flat(people=1000.0, ages=100):
    return Population(*np.full((2, ages), people / (2 * ages)))


def test_counts_the_people_within_the_errors():
    validation = Errors(np.array([*range(1, 20)], dtype=float), np.ones(19, dtype=bool))
    found = anonymity_set(50, "F", validation, flat(), confidence=0.5)  # the tenth smallest of 19
    assert found.years == 10 and not found.both_sexes
    assert found.size == pytest.approx(1 + 999 * 21 * 5 / 1000)  # 40 to 60 years, 5 women each
    assert found.alone == pytest.approx((1 - 0.105) ** 999)
    assert anonymity_set(0, "F", validation, flat(), confidence=0.5).size == pytest.approx(1 + 999 * 0.055)


def test_a_model_that_errs_on_sex_leaves_both_in():
    sure, unsure = (anonymity_set(50, "M", errors(wrong=wrong), flat()) for wrong in (0.0, 0.2))
    assert not sure.both_sexes and unsure.both_sexes
    assert unsure.years == pytest.approx(sure.years)  # the same age errors
    assert unsure.size == pytest.approx(2 * sure.size, rel=0.01)
    # With 9 of 199 wrong the predicted sex alone is possible, but then the one age error of 60 years counts.
    wide = Errors(np.append(errors().age[1:], 60.0), np.arange(199) >= 9)
    assert anonymity_set(50, "M", wide, flat()).both_sexes


def test_the_true_person_is_in_the_set_as_often_as_promised():
    random, hits = generator(1), []
    population = stationary_population(1e5)
    weights = np.concatenate([population.women, population.men]) / population.people
    for _ in range(300):
        validation = Errors(random.laplace(0, 4, 60), random.random(60) > 0.03)
        person = random.choice(len(weights), p=weights)
        age, sex = person % 111, "FM"[person // 111]
        predicted = age + random.laplace(0, 4)
        right = random.random() > 0.03
        found = anonymity_set(predicted, sex if right else "FM"[sex == "F"], validation, population, confidence=0.9)
        hits.append(abs(predicted - age) <= found.years + 1e-9 and (right or found.both_sexes))
    assert np.mean(hits) > 0.86


def test_the_site_is_a_part_of_the_population():
    whole = anonymity_set(60, "F", errors(), stationary_population())
    site = anonymity_set(60, "F", errors(), stationary_population(), site=500)
    assert (site.size - 1) / 499 == pytest.approx((whole.size - 1) / 999_999)
    assert site.people == 500 and whole.people == pytest.approx(1_000_000)
    nobody = anonymity_set(60, "F", errors(), stationary_population(), site=1)
    assert nobody.size == nobody.low == nobody.high == nobody.alone == 1


def test_interval_is_that_of_a_bootstrap_over_validation_patients():
    validation = errors(80, wrong=0.02)
    drawn, random = [], generator(4)
    for _ in range(2000):
        rows = random.integers(0, 80, 80)
        again = Errors(validation.age[rows], validation.sex_right[rows])
        drawn.append(anonymity_set(50, "F", again, flat(), confidence=0.8).size)
    found = anonymity_set(50, "F", validation, flat(), confidence=0.8)
    np.testing.assert_allclose([found.low, found.high], np.quantile(drawn, [0.025, 0.975]), atol=11)  # two more ages


def test_interval_narrows_with_the_validation_and_holds_the_size():
    small, large = (anonymity_set(60, "F", errors(n, seed=2), flat()) for n in (60, 3000))
    for found in (small, large):
        assert found.low <= found.size <= found.high
    assert large.high - large.low < 0.5 * (small.high - small.low)


@settings(max_examples=40, deadline=None)
@given(st.floats(-20, 130), st.sampled_from("FM"), st.floats(0.1, 0.9), st.floats(0, 0.5))
def test_more_confidence_and_more_error_never_fit_fewer(age, sex, confidence, wrong):
    population, validation = stationary_population(5e4), errors(99, wrong=wrong)
    found = anonymity_set(age, sex, validation, population, confidence=confidence)
    more = anonymity_set(age, sex, validation, population, confidence=confidence + 0.05)
    worse = Errors(2 * validation.age, validation.sex_right)
    assert 1 <= found.size <= more.size <= population.people
    assert found.size <= anonymity_set(age, sex, worse, population, confidence=confidence).size
    assert 0 <= found.alone <= 1


def test_too_few_patients_cannot_support_the_confidence():
    found = anonymity_set(60, "F", errors(18), flat())  # 95% needs 19
    assert math.isnan(found.size) and math.isinf(found.years)
    assert math.isfinite(anonymity_set(60, "F", errors(19), flat()).size)


def test_the_default_is_stationary_and_dies_by_gompertz():
    found = stationary_population(2e6)
    assert found.people == pytest.approx(2e6)
    assert (np.diff(found.women) <= 0).all() and (np.diff(found.men) <= 0).all()
    assert found.men[0] / found.women[0] == pytest.approx(1.05, rel=0.001)
    assert found.women[85:].sum() > found.men[85:].sum()
    hazard = -np.diff(np.log(found.women))[40:100]
    np.testing.assert_allclose(np.diff(np.log(hazard)), 0.1, atol=1e-6)
    deaths = -np.diff(found.women)
    assert abs(int(deaths.argmax()) + 1 - 88) <= 1


def test_a_table_of_columns():
    found = population_of([3, 3, 0, 3], ["F", "M", "F", "F"], [10, 20, 5, 1])
    assert found.women.tolist() == [5, 0, 0, 11] and found.men.tolist() == [0, 0, 0, 20]
    for ages, sexes, counts, words in (
        ([1.5], ["F"], [1], "whole years"),
        ([200], ["F"], [1], "whole years"),
        ([1], ["W"], [1], "F or M"),
        ([1, 2], ["F"], [1], "each row"),
        ([], [], [], "at least one row"),
        ([1], ["F"], [-1], "at least 0"),
        ([1], ["F"], [math.nan], "at least 0"),
    ):
        with pytest.raises(RemnantError, match=words):
            population_of(ages, sexes, counts)


def test_refuses():
    for changes in ({"age": math.nan}, {"sex": "x"}, {"confidence": 1.0}, {"site": 2000}, {"site": 0.5}):
        given_ = {"age": 50, "sex": "F", "errors": errors(), "population": flat()} | changes
        with pytest.raises(RemnantError):
            anonymity_set(**given_)
    with pytest.raises(RemnantError, match="a patient"):
        Errors(np.zeros(3), np.zeros(2, dtype=bool))
