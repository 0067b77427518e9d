"""Lower bounds of epsilon: a known epsilon is exceeded no more often than is allowed, and much of it is found."""

import itertools
import math

import numpy as np
import pytest
from scipy import special, stats

from remnant.base.errors import RemnantError
from remnant.measure.epsilon import LARGEST, all_guessed_p, by_guesses, by_rates, guessing_p, rates_epsilon

BOUNDS = [by_guesses, by_rates]


def draw(seed=0):
    return np.random.default_rng(seed)


def responded(epsilon, patients, seeds, coins=False):
    """Randomised response about every patient, which is epsilon private and tells as much as any such: scores of members, of
    others."""
    inside = seeds.random(patients) < 0.5 if coins else np.arange(patients) < patients // 2
    honest = seeds.random(patients) < 1 / (1 + math.exp(-epsilon))
    scores = np.where(honest, inside, ~inside) + 0.1 * seeds.random(patients)
    return scores[inside], scores[~inside]


def p_by_hand(patients, guesses, right, epsilon, delta):
    """Theorem 5.2 for as many members as others, written out."""
    q = 1 / (1 + math.exp(-epsilon))
    found = stats.binom.sf(right - 1, guesses, q)
    most = max(((stats.binom.sf(right - i - 1, guesses, q) - found) / i for i in range(1, right + 1)), default=0.0)
    return min(1.0, found + 2 * patients * delta * most)


@pytest.mark.parametrize(
    ("right", "epsilon", "delta"), [(70, 0.5, 0.0), (70, 0.5, 1e-3), (100, 3.0, 1e-4), (0, 1.0, 0.1)]
)
def test_p_of_right_guesses_is_that_of_the_theorem(right, epsilon, delta):
    assert guessing_p(right, 50, 50, 0.5, epsilon, delta, 200) == pytest.approx(
        p_by_hand(200, 100, right, epsilon, delta)
    )


def test_of_unequal_groups_a_guess_is_right_as_often_as_odds_allow():
    """Of one patient with the chance 0.2 of being a member, by randomised response with the odds 4 to 1."""
    assert guessing_p(1, 1, 0, 0.2, math.log(4), 0.0, 1) == pytest.approx(0.2 * 4 / (0.2 * 4 + 0.8))
    assert guessing_p(1, 0, 1, 0.2, math.log(4), 0.0, 1) == pytest.approx(0.8 * 4 / (0.8 * 4 + 0.2))


@pytest.mark.parametrize(("members", "others", "epsilon"), [(12, 12, 0.0), (12, 12, 1.0), (5, 9, 0.7), (9, 5, 2.0)])
def test_p_of_all_guesses_is_the_chance_of_groups_of_a_fixed_size(members, others, epsilon):
    """By SciPy's law; a binomial one would refute the epsilon that is kept more often than its p says."""
    law = stats.nchypergeom_fisher(members + others, members, members, math.exp(2 * epsilon))
    for right in range(others - members + 2 * max(0, members - others), members + others + 1, 2):
        called_right = (right - others + members) // 2
        p = all_guessed_p(right, members, others, epsilon, 0.0)
        assert p == pytest.approx(law.sf(called_right - 1), rel=1e-6)
    binomial = guessing_p(18, 12, 12, 0.5, 0.0, 0.0, 24)
    assert binomial < 0.0125 < 0.0196 == pytest.approx(all_guessed_p(18, 12, 12, 0.0, 0.0), abs=1e-4)


def test_no_private_training_of_groups_of_a_fixed_size_is_told_more_often():
    """All deals of seven patients, under trainings that lean as far as epsilon lets them, each towards another deal."""
    epsilon, deals = 0.8, [frozenset(one) for one in itertools.combinations(range(7), 3)]
    seeds = draw()
    for _ in range(30):
        # Any function of a deal that one patient changes by epsilon at most: the least distance to what each deal is given.
        given = dict(zip(deals, seeds.uniform(0, 4, len(deals)), strict=True))
        lean = np.array([min(given[one] + epsilon * len(deal ^ one) for one in deals) for deal in deals])
        likely = np.exp(lean - special.logsumexp(lean))
        for called in deals:
            right = np.array([7 - len(deal ^ called) for deal in deals])
            for least in (3, 5, 7):
                assert likely[right >= least].sum() <= all_guessed_p(least, 3, 4, epsilon, 0.0) + 1e-12


def test_what_delta_adds_is_that_of_the_theorem():
    """Of 24 patients whom an epsilon of 0 leaves to chance, delta may have told at most two times 24 delta."""
    law = stats.hypergeom(24, 12, 12)
    missed = [(law.sf(10 - i - 1) - law.sf(10 - 1)) / (2 * i) for i in range(1, 11)]
    assert all_guessed_p(20, 12, 12, 0.0, 1e-3) == pytest.approx(law.sf(9) + 2 * 24 * 1e-3 * max(missed))


def test_rates_refute_what_lies_outside_the_region():
    assert rates_epsilon(0.8, 0.1, 0.0) == pytest.approx(math.log(8))
    assert rates_epsilon(0.8, 0.1, 0.1) == pytest.approx(math.log(7))
    assert rates_epsilon(0.05, 0.1, 0.0) == rates_epsilon(0.05, 0.01, 0.05) == 0.0


@pytest.mark.parametrize("bound", BOUNDS)
@pytest.mark.parametrize(
    ("coins", "trials"),
    [(False, 50), (True, 50), *(pytest.param(one, 1000, marks=pytest.mark.slow) for one in (False, True))],
)
def test_an_epsilon_that_is_kept_is_refuted_one_time_in_twenty_at_the_most(bound, coins, trials):
    for epsilon, patients in ((0.0, 40), (1.0, 100)):
        hits = sum(
            bound(*responded(epsilon, patients, draw(seed), coins), draw(seed), 0.0).low > epsilon
            for seed in range(trials)
        )
        assert hits <= 0.05 * trials + 3 * (0.0475 * trials) ** 0.5, (epsilon, patients, hits)


def test_much_of_a_large_epsilon_is_found_and_guesses_find_more():
    found = {bound: [bound(*responded(4.0, 400, draw(seed)), draw(seed)).low for seed in range(5)] for bound in BOUNDS}
    assert 2.5 < np.median(found[by_guesses]) < 4.0 and np.median(found[by_guesses]) > np.median(found[by_rates]) > 1.0


@pytest.mark.parametrize("bound", BOUNDS)
def test_so_many_patients_show_no_more_than_the_ceiling(bound):
    apart = np.arange(100.0) + 1000, np.arange(100.0)
    found = bound(*apart, draw())
    assert found.low == found.ceiling < LARGEST and found.n == 200
    few = bound(apart[0][:12], apart[1][:12], draw())
    assert few.ceiling < found.ceiling
    nothing = bound(draw().normal(size=50), draw(1).normal(size=50), draw())
    assert nothing.low == 0.0 and nothing.ceiling > 1.5
    assert bound(*apart, draw(), 1e-3).low < found.low


def test_ceilings_are_those_of_the_exact_intervals():
    """Of no error at all: 0.05 in four parts for guesses, of which that of all finds most, in places, ends and rates for the
    others."""
    ceiling = by_guesses(np.arange(24.0) + 100, np.arange(24.0), draw(), 0.0).ceiling
    assert stats.nchypergeom_fisher.pmf(24, 48, 24, 24, math.exp(2 * ceiling)) == pytest.approx(0.05 / 4, rel=1e-3)
    each = 0.05 / (2 * 4) / 2
    low, high = each ** (1 / 24), 1 - each ** (1 / 24)
    assert by_rates(np.arange(24.0) + 100, np.arange(24.0), draw(), 0.0).ceiling == pytest.approx(math.log(low / high))


@pytest.mark.parametrize("bound", BOUNDS)
def test_scores_that_are_alike_tell_nothing_and_wrong_ones_are_told(bound):
    assert bound(np.zeros(60), np.zeros(60), draw()).low == 0.0
    assert bound(np.zeros(1), np.zeros(60), draw()) == type(bound(np.zeros(1), np.zeros(60), draw()))(0.0, 0.0, 61)
    with pytest.raises(RemnantError, match="finite"):
        bound(np.array([np.nan, 1]), np.zeros(3), draw())
    with pytest.raises(RemnantError, match="delta must lie"):
        bound(np.zeros(5), np.zeros(3), draw(), 1.0)
