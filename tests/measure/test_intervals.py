"""Intervals and p-values against SciPy, pinned statsmodels numbers, and simulation."""

import math
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.power import TTestIndPower

from remnant.base.errors import RemnantError
from remnant.measure import intervals


def generator(seed=0):
    return np.random.default_rng(seed)


def empty(found):
    """An interval of nobody."""
    return all(math.isnan(end) for end in (found.mean, found.low, found.high)) and found.n == 0


@pytest.mark.parametrize("n", [intervals.FEWEST_PATIENTS, 24, 200])
def test_bootstrap_agrees_with_scipy(n):
    values = generator(n).gamma(2, size=n)
    oracle = stats.bootstrap((values,), np.mean, n_resamples=20_000, method="BCa", rng=generator(7)).confidence_interval
    found = intervals.bootstrap_mean(values, generator())
    assert found.mean == pytest.approx(values.mean())
    np.testing.assert_allclose([found.low, found.high], oracle, atol=0.04 * values.std())
    assert found.n == n


def test_bootstrap_covers_the_truth():
    """95% of 300 samples of 24 from a known mean, less what the bootstrap is known to lack at this size."""
    random = generator(3)
    covered = 0
    for _ in range(300):
        found = intervals.bootstrap_mean(random.normal(0.7, 0.1, 24), random, resamples=500)
        covered += found.low <= 0.7 <= found.high
    assert 0.89 < covered / 300 < 0.98


def test_same_seed_same_interval_and_wider_at_a_higher_level():
    values = generator().normal(size=12)
    first, second = (intervals.bootstrap_mean(values, generator(5)) for _ in range(2))
    wide = intervals.bootstrap_mean(values, generator(5), level=0.99)
    assert first == second
    assert wide.low < first.low and wide.high > first.high


def test_bootstrap_of_too_few():
    nobody, one = intervals.bootstrap_mean([], generator()), intervals.bootstrap_mean([0.5], generator())
    assert empty(nobody)
    assert one.mean == 0.5 and math.isnan(one.low) and math.isnan(one.high) and one.n == 1
    few = intervals.bootstrap_mean(generator().normal(size=intervals.FEWEST_PATIENTS - 1), generator())
    assert (
        math.isfinite(few.mean)
        and math.isnan(few.low)
        and math.isnan(few.high)
        and few.n == intervals.FEWEST_PATIENTS - 1
    )
    alike = intervals.bootstrap_mean([0.3] * intervals.FEWEST_PATIENTS, generator())
    assert alike == intervals.Interval(0.3, 0.3, 0.3, intervals.FEWEST_PATIENTS)


def test_paired_difference_of_few_has_an_exact_p_and_no_interval():
    few = {f"{i}": 1.0 + i / 10 for i in range(intervals.FEWEST_PATIENTS - 1)}
    found = intervals.paired_difference(few, dict.fromkeys(few, 0.0), generator())
    assert math.isnan(found.low) and math.isnan(found.high) and found.p == 2 / 2 ** len(few)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 200).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_clopper_pearson_agrees_with_scipy(pair):
    k, n = pair
    for level in (0.95, 0.9):
        oracle = stats.binomtest(k, n).proportion_ci(level, method="exact")
        found = intervals.clopper_pearson(k, n, level)
        np.testing.assert_allclose([found.mean, found.low, found.high], [k / n, oracle.low, oracle.high], atol=1e-9)
        assert found.n == n
    assert intervals.clopper_pearson(k, n) == intervals.clopper_pearson(k, n, 0.95)


def test_clopper_pearson_of_nobody_and_of_nonsense():
    assert empty(intervals.clopper_pearson(0, 0))
    with pytest.raises(RemnantError):
        intervals.clopper_pearson(5, 4)


@pytest.mark.parametrize(("n", "decimals"), [(2, 9), (5, 1), (8, 9), (12, 9)])
def test_small_permutation_test_is_exact(n, decimals):
    differences = generator(n).normal(0.5, 1, n).round(decimals)  # rounded: ties between sums, which must count
    oracle = stats.permutation_test(
        (differences, np.zeros(n)),
        lambda x, y, axis: (x - y).mean(axis),
        permutation_type="samples",
        vectorized=True,
        n_resamples=np.inf,
    )
    assert intervals.permutation_p_paired(differences, generator()) == pytest.approx(oracle.pvalue, abs=1e-12)


def test_large_permutation_test_is_monte_carlo():
    differences = generator(2).normal(0.3, 1, 24)
    oracle = stats.permutation_test(
        (differences, np.zeros(24)),
        lambda x, y, axis: (x - y).mean(axis),
        permutation_type="samples",
        vectorized=True,
        n_resamples=50_000,
        rng=generator(9),
    )
    assert 0.02 < oracle.pvalue < 0.5
    assert intervals.permutation_p_paired(differences, generator()) == pytest.approx(oracle.pvalue, abs=0.02)
    assert intervals.permutation_p_paired(np.full(40, 1.0), generator(), resamples=999) == 1 / 1000


@pytest.mark.parametrize("n", [12, 24])
def test_p_of_signs_knows_no_scale(n):
    """So the sums of small numbers are ties where those of large ones are."""
    differences = generator(n).normal(0.5, 1, n).round(1)
    assert len({intervals.permutation_p_paired(scale * differences, generator()) for scale in (1, 1e-9, 1e9)}) == 1


def test_all_signs_are_counted_of_sixteen_patients_and_drawn_of_seventeen():
    assert intervals.permutation_p_paired(np.ones(16), generator()) == 2 / 2**16
    assert intervals.permutation_p_paired(np.ones(17), generator()) == 1 / 10_001

    def contrast(values, seed):
        return intervals.paired_difference(
            dict(enumerate(values)), dict.fromkeys(range(len(values)), 0.0), generator(seed)
        )

    assert not contrast(np.ones(16), 0).p_bound
    # Of seventeen two signs in 131,072 are as extreme: in 10,000 draws hardly one, here none and then one.
    none, one = contrast(np.ones(17), 0), contrast(np.ones(17), 2)
    assert (none.p, none.p_bound) == (1 / 10_001, True) and (one.p, one.p_bound) == (2 / 10_001, False)
    assert contrast(generator(1).normal(0.5, 1, 17), 0).p_bound is False


def test_permutation_test_of_too_few_and_of_no_difference():
    assert math.isnan(intervals.permutation_p_paired([], generator()))
    assert intervals.permutation_p_paired([3.0], generator()) == 1
    assert intervals.permutation_p_paired(np.zeros(5), generator()) == 1
    assert intervals.permutation_p_paired(np.zeros(30), generator()) == 1


@pytest.mark.parametrize(
    ("n", "power", "alpha", "effect"),
    [
        # statsmodels 0.14 TTestPower().solve_power(nobs=n, power=power, alpha=alpha)
        (2, 0.8, 0.05, 11.5498898),
        (3, 0.8, 0.05, 3.2640436),
        (24, 0.1, 0.05, 0.1388819),
        (6, 0.8, 0.05, 1.4345451),
        (24, 0.8, 0.05, 0.5971839),
        (24, 0.9, 0.01, 0.8499400),
        (1000, 0.8, 0.05, 0.0886810),
    ],
)
def test_detectable_agrees_with_statsmodels(n, power, alpha, effect):
    found = intervals.smallest_detectable_difference(0.2, n, power, alpha)
    assert found == pytest.approx(0.2 * effect, rel=1e-4)


def test_a_test_detects_the_detectable_four_times_in_five():
    effect = intervals.smallest_detectable_difference(1, 10)
    samples = generator().normal(effect, 1, (4000, 10))
    assert (stats.ttest_1samp(samples, 0, axis=1).pvalue < 0.05).mean() == pytest.approx(0.8, abs=0.025)


def test_detectable_of_too_few_and_of_no_spread():
    assert math.isnan(intervals.smallest_detectable_difference(math.nan, 1))
    assert intervals.smallest_detectable_difference(0, 5) == 0
    for wrong in (
        *({"sd": -1.0}, {"sd": math.nan}, {"sd": 1.0, "alpha": 0.0}),
        *({"sd": 1.0, "power": power} for power in (0.04, 0.05, 1.0)),
    ):
        with pytest.raises(RemnantError):
            intervals.smallest_detectable_difference(n=5, **wrong)


def test_paired_difference_pairs_by_patient():
    names = [f"p{i}" for i in range(12)]
    random = generator(2)
    base, leak = dict(zip(names, random.random(12), strict=True)), random.normal(0.05, 0.01, 12)
    members = {name: base[name] + extra for name, extra in zip(names, leak, strict=True)}
    shuffled = {name: base[name] for name in reversed(names)}
    found = intervals.paired_difference(members, shuffled, generator())
    assert found.difference == pytest.approx(leak.mean())
    assert found.low < leak.mean() < found.high and found.low > 0
    assert found.p == 2 / 2**12
    assert found.n == 12
    assert found.detectable == pytest.approx(intervals.smallest_detectable_difference(leak.std(ddof=1), 12))
    sure = intervals.paired_difference(members, shuffled, generator(), level=0.99)
    assert sure.low < found.low < found.high < sure.high and sure.p == found.p
    assert sure.detectable == pytest.approx(intervals.smallest_detectable_difference(leak.std(ddof=1), 12, alpha=0.01))


def test_paired_difference_of_too_few():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        nobody = intervals.paired_difference({}, {}, generator())
        one = intervals.paired_difference({"a": 2.0}, {"a": 1.0}, generator())
    two = intervals.paired_difference({"a": 2.0, "b": 1.5}, {"a": 1.0, "b": 1.0}, generator())
    assert two.detectable == pytest.approx(11.5498898 * math.sqrt(0.125), rel=1e-4)
    assert nobody.n == 0 and math.isnan(nobody.difference) and math.isnan(nobody.p)
    assert one.n == 1 and one.difference == 1 and math.isnan(one.low) and math.isnan(one.detectable) and one.p == 1


def test_paired_difference_wants_both_sides():
    for names, said in (("ab", "1 patient is only"), ("abc", "2 patients are only")):
        with pytest.raises(RemnantError) as raised:
            intervals.paired_difference(dict.fromkeys(names, 1.0), {"a": 1.0}, generator())
        assert str(raised.value) == (
            "A paired difference needs every patient once as member and once as non-member; "
            f"{said} one of them, 'b' first. Drop them, or use folds that rotate."
        )


@pytest.mark.parametrize(("k", "n", "m"), [(0, 5, 10), (3, 10, 10), (30, 40, 40), (24, 24, 24)])
def test_identification_agrees_with_the_binomial_test(k, n, m):
    oracle = stats.binomtest(k, n, 1 / m, alternative="greater").pvalue
    assert intervals.identification_p_value(k, np.full(n, 1 / m)) == pytest.approx(oracle, rel=1e-9)


def test_identification_with_galleries_of_several_sizes():
    chances = np.array([0.5, 0.25, 0.2])
    hits = generator().random((200_000, 3)) < chances
    assert intervals.identification_p_value(2, chances) == pytest.approx((hits.sum(1) >= 2).mean(), abs=0.004)
    assert intervals.identification_p_value(3, chances) == pytest.approx(0.025)
    assert math.isnan(intervals.identification_p_value(0, []))
    # Who is surely first, and who surely not, are chances, too; a sum of rounded ones is no more than 1.
    assert intervals.identification_p_value(1, [1.0, 0.0]) == 1 == intervals.identification_p_value(0, [0.1] * 3)
    for count, wrong in ((4, chances), (-1, chances), (1, [0.5, 1.1]), (1, [0.5, -0.1])):
        with pytest.raises(RemnantError, match="Chances must lie"):
            intervals.identification_p_value(count, wrong)
    with pytest.raises(RemnantError, match="The 'chances' must be"):
        intervals.identification_p_value(1, [math.nan, 0.5])


@pytest.mark.parametrize(
    ("function", "name"), [(intervals.bootstrap_mean, "values"), (intervals.permutation_p_paired, "differences")]
)
@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([0.1, math.nan, 0.3], r"shape \(3,\) with 1 not"),
        ([0.1, math.inf], r"shape \(2,\) with 1 not"),
        ([[0.1, 0.2]], r"shape \(1, 2\) with 0 not"),
    ],
)
def test_refuses(function, name, values, said):
    with pytest.raises(RemnantError, match=f"The '{name}' must be one finite number a patient.*{said}"):
        function(values, generator())


def test_whole_numbers_a_patient_are_floats():
    assert intervals.per_patient([1, 2], "scores").dtype == np.float64


def test_detectable_gap_agrees_with_statsmodels_and_with_simulation():
    power = TTestIndPower()
    for m, n in ((8, 8), (20, 50), (300, 300)):
        oracle = power.solve_power(nobs1=m, ratio=n / m, power=0.8, alpha=0.05)
        assert intervals.smallest_detectable_gap(0.3, m, n) == pytest.approx(0.3 * oracle, rel=1e-4)
    gap = intervals.smallest_detectable_gap(1, 10, 15)
    samples = generator().normal(gap, 1, (4000, 10)), generator(1).normal(0, 1, (4000, 15))
    assert (stats.ttest_ind(*samples, axis=1).pvalue < 0.05).mean() == pytest.approx(0.8, abs=0.025)
    # Of as many degrees of freedom the same number of standard errors, also of one patient in a group.
    for m, n in ((1, 2), (2, 1), (5, 7)):
        errors = intervals.smallest_detectable_difference(1, m + n - 1, alpha=0.01) * math.sqrt(m + n - 1)
        found = intervals.smallest_detectable_gap(1, m, n, alpha=0.01)
        assert found == pytest.approx(errors * math.sqrt(1 / m + 1 / n))
    for m, n in ((0, 9), (9, 0), (1, 1)):
        assert math.isnan(intervals.smallest_detectable_gap(1, m, n))
