"""Networks of known halves: the AUC by hand, a null that keeps its size, and an interval that holds what it should."""

import numpy as np
import pytest

from remnant.base.errors import RemnantError
from remnant.measure.swaps import (
    apart_within_patients,
    beyond_other_swaps,
    dealt_halves,
    swap_test,
    without_patient,
)


def table(seed, patients=40, swaps=4, leak=0.0, networks=1.0):
    """Values of patients who differ in how easy they are, under networks that differ in how good they are."""
    draw = np.random.default_rng(seed)
    trained = dealt_halves(patients, swaps, draw)
    values = draw.normal(0, 1.5, (patients, 1)) + draw.normal(0, networks, 2 * swaps) + draw.normal(size=trained.shape)
    return values + leak * trained, trained


def test_everybody_is_in_one_of_the_two_networks_of_a_swap():
    trained = dealt_halves(41, 3, np.random.default_rng(0))
    assert trained.shape == (41, 6) and (trained[:, 0::2] ^ trained[:, 1::2]).all()
    assert trained[:, 0::2].sum(0).tolist() == [20] * 3
    assert not (trained[:, 0] == trained[:, 2]).all()
    assert (dealt_halves(41, 3, np.random.default_rng(1)) != trained).any()


def test_the_auc_is_the_mean_over_networks_by_hand():
    values, trained = table(0, leak=0.5)
    found = swap_test(values, trained, np.random.default_rng(0), resamples=9)
    for k in range(values.shape[1]):
        inside, outside = values[trained[:, k], k], values[~trained[:, k], k]
        assert found.by_network[k] == pytest.approx((inside[:, None] > outside).mean())
    assert found.auc.mean == pytest.approx(found.by_network.mean()) and found.auc.n == 40


def test_calibration_is_by_networks_that_the_patient_did_not_train():
    values, trained = table(0, swaps=3)
    level = [values[~trained[:, k], k].mean() for k in range(6)]
    scores, means = beyond_other_swaps(values, trained), without_patient(values, trained)
    for i in (0, 7):
        out = [k for k in range(6) if not trained[i, k]]
        assert means[i] == pytest.approx(np.mean([values[i, k] - level[k] for k in out]))
        for k in range(6):
            others = [values[i, j] - level[j] for j in out if j // 2 != k // 2]
            assert len(others) == 2 and scores[i, k] == pytest.approx(values[i, k] - np.mean(others))


def test_how_a_network_came_out_tells_no_half():
    """A network that is better for everybody changes no AUC, not even that of its own swap."""
    values, trained = table(3)
    better = values + 100.0 * (np.arange(8) == 1)
    tests = [
        swap_test(one, trained, np.random.default_rng(0), calibrate=beyond_other_swaps, resamples=9)
        for one in (values, better)
    ]
    assert np.allclose(tests[0].by_network, tests[1].by_network)


@pytest.mark.parametrize("calibrated", [False, True])
def test_p_keeps_its_size_without_a_leak_and_falls_with_one(calibrated):
    draw = np.random.default_rng(0)
    null = [
        swap_test(*table(i), draw, calibrate=beyond_other_swaps if calibrated else None, resamples=49).p
        for i in range(200)
    ]
    # Of 200, binomial at 0.06 and at 0.5.
    assert 2 <= sum(p <= 0.06 for p in null) <= 22 and 80 <= sum(p <= 0.5 for p in null) <= 120
    assert swap_test(*table(0, leak=1.0), draw, calibrate=beyond_other_swaps if calibrated else None).p_bound
    # Who fits those worse who trained it is no chance either.
    worse = swap_test(*table(0, leak=-1.0), draw, calibrate=beyond_other_swaps if calibrated else None)
    assert worse.p < 0.01 and worse.auc.mean < 0.5


@pytest.mark.parametrize("leak", [0.0, 0.7, 3.0])
def test_the_interval_holds_the_auc_of_the_training(leak):
    draw = np.random.default_rng(1)
    tests = [swap_test(*table(i, leak=leak), draw, calibrate=beyond_other_swaps, resamples=1) for i in range(100)]
    true = np.mean([test.auc.mean for test in tests])
    held = np.mean([test.auc.low <= true <= test.auc.high for test in tests])
    assert held >= 0.93
    # And yet it is an interval.
    assert np.mean([test.auc.high - test.auc.low for test in tests]) < 0.2


def test_trainings_that_differ_widen_it():
    values, trained = table(0, patients=400, leak=1.0)
    uneven = values + trained * np.repeat([1.5, -0.9, 1.5, -0.9], 2)
    widths = []
    for one in (values, uneven):
        found = swap_test(one, trained, np.random.default_rng(0), resamples=1).auc
        widths.append(found.high - found.low)
    assert widths[1] > 4 * widths[0]


def test_patients_who_differ_widen_it_where_trainings_do_not():
    """Of 40 patients half are always fit best by their networks and half always worst: another 40 would have other halves."""
    trained = dealt_halves(40, 4, np.random.default_rng(0))
    values = trained * np.where(np.arange(40) % 2, 10.0, -10.0)[:, None] + np.random.default_rng(1).normal(size=(40, 8))
    found = swap_test(values, trained, np.random.default_rng(0), resamples=1).auc
    assert found.mean == pytest.approx(0.5, abs=0.05)
    assert found.high - found.low > 0.9 * 2 * 1.96 * np.sqrt(0.25 / 40)


def test_no_interval_of_few_swaps_or_patients_and_one_where_all_are_found():
    for patients, swaps in ((40, 3), (8, 4)):
        found = swap_test(
            *table(0, patients, swaps), np.random.default_rng(0), calibrate=beyond_other_swaps, resamples=9
        )
        assert np.isnan(found.auc.low) and np.isfinite(found.auc.mean)
    sure = swap_test(*table(0, leak=99.0), np.random.default_rng(0), calibrate=beyond_other_swaps, resamples=9).auc
    assert sure.mean == sure.high == 1.0 and 0.9 < sure.low < 1.0


def test_what_is_no_table_is_refused():
    values, trained = table(0)
    for one, who in ((values[:, :2], trained[:, :2]), (values[1:], trained), (np.where(trained, np.nan, 0), trained)):
        with pytest.raises(RemnantError, match="one finite value a patient and network, of two swaps or more"):
            swap_test(one, who, np.random.default_rng(0), calibrate=beyond_other_swaps)


def test_calibration_is_made_anew_for_every_deal_of_the_halves():
    values, trained = table(0)
    seen = []

    def calibrate(given, halves):
        assert given is values
        seen.extend(halves.reshape(-1, *trained.shape))
        return np.broadcast_to(values, halves.shape)

    swap_test(values, trained, np.random.default_rng(0), calibrate=calibrate, resamples=30)
    deals = {one.tobytes() for one in seen}
    assert len(deals) == 31 and trained.tobytes() in deals
    assert all((one[:, 0::2] ^ one[:, 1::2]).all() and (one.sum(0) == trained.sum(0)).all() for one in seen)


def test_so_many_hits_end_it_and_p_keeps_its_size():
    draw, dealt = np.random.default_rng(0), []

    def counting(values, halves):
        dealt.append(np.prod(halves.shape[:-2], dtype=int))
        return beyond_other_swaps(values, halves)

    null = [swap_test(*table(i), draw, calibrate=counting, resamples=99, most_hits=5).p for i in range(200)]
    # Of 200, binomial at 0.05 and at 0.5.
    assert 2 <= sum(p <= 0.05 for p in null) <= 20 and 79 <= sum(p <= 0.5 for p in null) <= 121
    assert sum(dealt) < 0.35 * 200 * 99
    assert min(null) >= 0.01 and swap_test(*table(0, leak=1.0), draw, resamples=99, most_hits=5).p == 0.01


def test_p_by_the_resample_of_the_last_hit():
    """Of two patients every deal is as extreme as another, so that each is a hit."""
    values, trained = np.arange(8.0).reshape(2, 4), dealt_halves(2, 2, np.random.default_rng(0))
    values[:, 1], values[:, 3] = values[:, 0], values[:, 2]
    assert swap_test(values, trained, np.random.default_rng(0), resamples=50, most_hits=4).p == 1.0


def test_how_far_networks_know_a_patient_apart_by_hand():
    """Of the first's four pairs three are right, of the second's two and a tie, of the third's none."""
    trained = np.array([[1, 0, 1, 0], [0, 1, 0, 1], [1, 0, 0, 1]], dtype=bool)
    values = np.array([[2.0, -1.0, 0.0, 1.0], [-1.0, -1.0, 0.0, 1.0], [-1.0, 2.0, 0.0, -2.0]])
    assert apart_within_patients(values, trained) == pytest.approx((3 / 4 + 2.5 / 4 + 0) / 3)
    # Whatever patients and networks differ by.
    moved = values + np.array([5.0, -3.0, 2.0, 0.0]) + np.array([[9.0], [4.0], [-7.0]])
    assert apart_within_patients(moved, trained) == pytest.approx((3 / 4 + 2.5 / 4 + 0) / 3)
