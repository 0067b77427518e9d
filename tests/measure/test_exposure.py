"""Exposure of single patients: by hand, against fresh people, and with what it promises of intervals and false discoveries."""

import numpy as np
import pytest
from benchmarks._exposed_world import exposed_world
from scipy import special, stats

from remnant.base.errors import RemnantError
from remnant.measure.exposure import (
    auc_of_fresh_people,
    exposures,
    pair_differences,
    spread_of_fresh_people,
    unresolved,
)
from remnant.measure.swaps import dealt_halves


def test_differences_by_hand():
    """The network with the patient less the one without him, and how much better either is of everybody is taken off."""
    values = np.array([[3.0, 1.0], [5.0, 4.0], [0.0, 2.0], [1.0, 1.0]])
    trained = np.array([[1, 0], [0, 1], [1, 0], [0, 1]], dtype=bool)
    # 2, 1, -2 and 0 are a quarter better under the first network.
    assert pair_differences(values, trained)[:, 0].tolist() == [1.75, -0.75, -2.25, 0.25]
    assert np.allclose(pair_differences(values + np.array([7, -7]), trained), pair_differences(values, trained))


def test_an_oracle_of_one_spread_for_all():
    """Where spreads are alike, d / s is that of a normal of one known spread, and p that of a z-test."""
    values, trained, true = exposed_world(0, 2000, 8, added=1.0, unlike=0.0, mirrored=0.0, spread=0.0)
    found, d = exposures(values, trained), pair_differences(values, trained)
    z = d.mean(1) / np.sqrt(2)
    assert np.abs(found.effect - np.sqrt(2) * z).mean() < 0.05
    assert np.abs(found.exposure - special.ndtr(z * np.sqrt(8 / 7))).mean() < 0.01
    assert np.median(np.abs(found.p / stats.norm.sf(np.sqrt(8) * z) - 1)) < 0.2
    assert np.allclose(found.adjusted, stats.false_discovery_control(found.p))
    assert abs(found.exposure.mean() - true.mean()) < 0.01
    assert (found.low < found.exposure).all() and (found.exposure < found.high).all()
    assert found.swaps == 8 and (found.flagged == (found.adjusted <= 0.05)).all() and found.flagged.any()


@pytest.mark.parametrize(("swaps", "mirrored", "tails"), [(4, 0.5, None), (8, 1.0, None), (8, 0.0, 4)])
def test_intervals_hold_and_false_discoveries_are_few(swaps, mirrored, tails):
    held, wrong, bias = [], [], []
    for seed in range(40):
        values, trained, true = exposed_world(seed, 100, swaps, added=0.3, unlike=1.0, mirrored=mirrored, tails=tails)
        found = exposures(values, trained)
        held.append(((found.low <= true) & (true <= found.high)).mean())
        wrong.append((found.flagged & (true <= 0.5)).sum() / max(1, found.flagged.sum()))
        bias.append((found.exposure - true).mean())
    assert 0.925 <= np.mean(held) <= 0.975 and np.mean(wrong) <= 0.05 and abs(np.mean(bias)) < 0.01


def test_without_a_leak_hardly_anybody_is_flagged_and_with_one_many_are():
    flagged = [exposures(*exposed_world(seed, 60, 4, added=0.0, unlike=0.0)[:2]).flagged.any() for seed in range(100)]
    assert np.sum(flagged) <= 11
    assert exposures(*exposed_world(0, 60, 4, added=4.0, unlike=0.0)[:2]).flagged.mean() > 0.5


@pytest.mark.parametrize(("patients", "swaps", "known"), [(33, 4, False), (34, 4, True), (24, 6, True), (24, 5, False)])
def test_of_few_there_is_an_interval_and_no_p(patients, swaps, known):
    found = exposures(*exposed_world(0, patients, swaps)[:2])
    assert np.isfinite(found.low).all() and np.isfinite(found.p).all() == known
    assert np.isfinite(found.adjusted).all() == known and (known or not found.flagged.any())


def test_it_is_of_networks_of_fresh_people():
    """A mean as the model: with x in it, it is x / 12 nearer to x than one of 12 others, and 23 fresh people in both vary."""
    truth, found, halves, spreads = [], [], [], []
    for seed in range(40):
        draw = np.random.default_rng(seed)
        people, trained = draw.normal(size=(24, 20)), dealt_halves(24, 8, draw)
        values = people @ (people.T @ trained / 12)
        truth.append(special.ndtr(np.linalg.norm(people, axis=1) / np.sqrt(23)).mean())
        found.append(exposures(values, trained).exposure.mean())
        spreads.append(spread_of_fresh_people(values, trained))
        apart = values - values.mean(0)
        halves.append(np.mean([(a[i][:, None] > a[~i]).mean() for a, i in zip(apart, trained, strict=True)]))
    assert abs(np.mean(found) - np.mean(truth)) < 0.025 and np.mean(halves) - np.mean(truth) > 0.06
    assert 1.8 < np.mean(spreads) < 2.2
    assert abs(auc_of_fresh_people(np.mean(halves), np.mean(spreads)) - np.mean(truth)) < 0.025


def test_the_review_is_right_about_halves_of_24_patients():
    assert auc_of_fresh_people(0.683, 2.0) == pytest.approx(0.632, abs=0.001)
    assert auc_of_fresh_people(0.7, 1.0) == pytest.approx(0.7)


def test_networks_that_differ_by_chance_alone_are_as_unlike_as_those_of_fresh_people():
    values, trained, _ = exposed_world(0, 400, 8, mirrored=0.0)
    assert 1.0 <= spread_of_fresh_people(values, trained) < 1.06
    assert spread_of_fresh_people(np.ones((4, 8)), dealt_halves(4, 4, np.random.default_rng(0))) == 1.0


def test_shrunken_exposures_are_right_about_who_seems_most_exposed_where_all_are_alike():
    gaps, raw = [], []
    for seed in range(25):
        values, trained, true = exposed_world(seed, 170, 8, added=0.25, unlike=0.0, mirrored=1.0)
        plain, shrunken = exposures(values, trained).exposure, exposures(values, trained, shrink=True)
        most = int(plain.argmax())
        gaps.append(shrunken.exposure[most] - true[most])
        raw.append(plain[most] - true[most])
        assert np.isnan(shrunken.low).all() and np.isnan(shrunken.high).all()
    assert abs(np.mean(gaps)) < 0.03 and np.mean(raw) > 0.25


def test_shrunken_exposures_keep_what_is_there():
    values, trained, true = exposed_world(1, 170, 16, added=0.5, unlike=1.0)
    shrunken = exposures(values, trained, shrink=True).exposure
    plain = exposures(values, trained).exposure
    assert ((shrunken - true) ** 2).mean() < ((plain - true) ** 2).mean() and shrunken.max() > 0.85


def test_what_is_no_table_is_refused():
    values, trained, _ = exposed_world(0, 20, 4)
    for one, who in ((values[:, :7], trained[:, :7]), (values[1:], trained), (np.where(trained, np.nan, 0), trained)):
        with pytest.raises(RemnantError, match="one finite value a patient and network, two networks a swap"):
            exposures(one, who)
    with pytest.raises(RemnantError, match="trains one network and not the other"):
        exposures(values, np.ones_like(trained))
    with pytest.raises(RemnantError, match=r"6 shadow models are too few .*; 8 would do\.$"):
        exposures(values[:, :6], trained[:, :6])
    with pytest.raises(RemnantError, match=r"9 patients are too few .*; 10 would do\.$"):
        exposures(values[:9], trained[:9])
    assert unresolved(10, 4) == "" and unresolved(9, 4) and unresolved(10, 3)
