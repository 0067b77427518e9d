"""The rule by which a version may take the old one's place: better with its whole interval, of enough scans, worse at nothing."""

import numpy as np
import pytest

from remnant.measure.intervals import bootstrap_mean
from remnant.serve.server.check import compared

CLASSES = ("background", "grey", "white")


def judged(differences, looks=1, old=0.6, seed=0):
    """Of differences in Dice (n, 2) of the two classes that are not the background."""
    differences = np.asarray(differences, float)
    before = np.full((len(differences), 3), old)
    before[:, 1:][np.isnan(differences)] = np.nan  # which neither map holds
    after = before.copy()
    after[:, 1:] += differences
    return compared(before, after, CLASSES, looks, np.random.default_rng(seed))


def drawn(n, mean, spread=0.02, seed=1):
    return np.random.default_rng(seed).normal(mean, spread, (n, 2))


def test_clearly_better_holds_and_its_numbers_are_those_of_the_paired_bootstrap():
    differences = drawn(15, 0.1)
    found = judged(differences)
    assert found["holds"] is True and found["why"] == "" and found["scans"] == 15
    interval = bootstrap_mean(differences.mean(1), np.random.default_rng(0))
    assert found["difference"] == pytest.approx(interval.mean, abs=1e-5) and found["low"] == pytest.approx(
        interval.low, abs=1e-5
    )
    assert found["dice"]["new"] - found["dice"]["old"] == pytest.approx(found["difference"], abs=1e-5)
    assert found["level"] == 0.95 and found["worst"] == pytest.approx(differences.mean(1).min(), abs=1e-5)


@pytest.mark.parametrize("n", [0, 1, 5, 9])
def test_few_scans_show_nothing_however_much_better(n):
    found = judged(drawn(n, 0.3, 0.001))
    assert found["holds"] is False and "nothing, for it takes those of at least 10 people" in found["why"]
    assert found["scans"] == n and found["low"] is None
    assert judged(drawn(10, 0.3, 0.001))["holds"] is True


def test_what_may_be_chance_and_what_is_worse_do_not_hold():
    for mean, said in ((0.0, "do not show that it is better"), (-0.1, "it is worse")):
        found = judged(drawn(20, mean))
        assert found["holds"] is False and said in found["why"], mean
    # The same in every scan is no gain, not even a certain one.
    assert judged(np.zeros((20, 2)))["holds"] is False


def test_a_class_that_got_worse_is_no_price_for_another():
    differences = np.stack([drawn(20, 0.3)[:, 0], drawn(20, -0.1)[:, 0]], axis=1)
    found = judged(differences)
    assert found["low"] > 0 and found["holds"] is False and found["why"].endswith("worse at white")
    assert found["classes"]["white"]["high"] < 0 < found["classes"]["grey"]["low"]


def test_a_class_that_few_scans_hold_is_told():
    differences = drawn(20, 0.1)
    differences[9:, 1] = np.nan
    found = judged(differences)
    assert found["holds"] is True and found["too_few_scans_of"] == ["white"] and found["classes"]["white"]["scans"] == 9


def test_each_further_look_at_the_same_scans_asks_for_more():
    differences = drawn(12, 0.012, 0.03, seed=3)
    first, tenth = judged(differences), judged(differences, looks=10)
    assert first["level"] == 0.95 and tenth["level"] == pytest.approx(0.995) and tenth["low"] < first["low"]


def test_further_looks_make_no_harm_smaller():
    """At the level of a gain, which rises with the looks, the interval of the class that got worse would reach 0."""
    differences = np.stack([drawn(12, 0.3)[:, 0], drawn(12, -0.03, 0.04, seed=3)[:, 0]], axis=1)
    first, tenth = judged(differences), judged(differences, looks=10)
    assert first["why"] == tenth["why"] and tenth["why"].endswith("worse at white")
    assert (
        bootstrap_mean(differences[:, 1], np.random.default_rng(0), 0.995).high > 0 > tenth["classes"]["white"]["high"]
    )


def test_a_class_that_few_people_have_is_not_given_up_for_the_others():
    differences = drawn(30, 0.2)
    differences[8:, 1] = np.nan
    differences[:8, 1] = -0.5
    found = judged(differences)
    assert found["low"] > 0 and found["holds"] is False and found["why"].endswith("worse at white")
    differences[:, 1] = np.nan
    differences[:5, 1] = -0.5  # of which no test says anything
    found = judged(differences)
    assert found["holds"] is True and found["too_few_scans_of"] == ["white"] and found["worst"] < -0.1


def test_a_class_that_is_found_where_there_is_none_is_a_harm():
    """There Dice is 0 for the version that finds it, and NaN for the one that does not."""
    before = np.full((30, 3), 0.6)
    before[:, 2] = np.nan
    after = before + 0.39
    after[::3, 2] = 0
    found = compared(before, after, CLASSES, 1, np.random.default_rng(0))
    assert found["classes"]["white"]["scans"] == 10 and found["classes"]["white"]["high"] == -1
    assert found["low"] > 0 and found["why"].endswith("worse at white")
    back = compared(after, before, CLASSES, 1, np.random.default_rng(0))
    assert back["classes"]["white"]["difference"] == 1


def test_versions_that_are_no_better_are_seldom_promoted():
    """Of 500 versions without any gain, judged by 10 people, 1 in 40 passes at the first look (5% by the interval alone)."""
    found = [judged(drawn(10, 0.0, seed=number), seed=number) for number in range(500)]
    passed, above = (
        np.mean([test(one) for one in found]) for test in (lambda one: one["holds"], lambda one: one["low"] > 0)
    )
    assert passed < 0.035 < above
    assert all(one["holds"] is (one["low"] > 0 and one["p"] <= 0.05) for one in found)
