"""How private a training can have been at the most, from how well members of it are told: lower bounds of epsilon, and how high
such a bound can come of so many patients.

A training is (epsilon, delta) differentially private where no outcome is more than e^epsilon times as likely, beside delta, for
one patient more (Dwork et al. 2006). Whoever tells members better than that allows refutes the epsilon. Both bounds here hold for
any attack whose scores were made without knowing who is a member, for one training, and with the chance `level`.

- `by_guesses` (Steinke, Nasr and Jagielski 2023, arXiv 2305.08846, theorem 5.2) counts right guesses, however the scores of one
  training hang together. Where everybody is guessed about, as many as are members are called so, and a wrong guess of a member is
  one of another: the law of that is ours (`all_guessed_p`).
- `by_rates` (Kairouz, Oh and Viswanath 2015, theorem 2.1) holds exact intervals of both error rates (Clopper and Pearson 1934)
  against the region that an epsilon leaves. These intervals take the patients of one training for independent.

Both are of patients who became members by chance, each with the share of the members; here the groups have a fixed size. Of some
patients guessed about that leaves the spread of right guesses as it is. Of all of them guesses come right by twos, which a
binomial law takes for less likely than it is, by a half and more where p is small.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import optimize, special, stats

from remnant.base.errors import RemnantError
from remnant.measure.intervals import per_patient

DELTA = 1e-5  # that of `dp_sgd` unless it is told another
SHARES = (1.0, 0.5, 0.2, 0.05)  # of either group's patients who are guessed about, the surest ones
PLACES = (1, 2, 4, 8, 16, 32)  # of the other group from the far end, where a threshold is laid
LARGEST = 50.0  # epsilon, beyond which all is told


@dataclass(frozen=True)
class EpsilonBound:
    """`low`: epsilon is at least this, 0 where nothing is shown. `ceiling`: what that would be if every patient were told: of so
    many (`n`) no larger epsilon can be shown."""

    low: float
    ceiling: float
    n: int


def by_guesses(
    members: np.ndarray, non_members: np.ndarray, seeds: np.random.Generator, delta: float = DELTA, level: float = 0.95
) -> EpsilonBound:
    """From one score a patient of `members` (m,) and `non_members` (n,), higher for more member-like.

    The surest `SHARES` of both ends are guessed, as many as there are members and others; of scores that are alike those that
    `seeds` draw. All shares are tried, each at its part of the error. A group of fewer than two patients gives 0. Raises
    `RemnantError` for scores that are not finite and a delta that is no probability.
    """
    return _bound(members, non_members, seeds, delta, level, _guessed)


def by_rates(
    members: np.ndarray, non_members: np.ndarray, seeds: np.random.Generator, delta: float = DELTA, level: float = 0.95
) -> EpsilonBound:
    """The same by true beside false positive rates, and true beside false negative ones, at thresholds on the score of the k-th
    patient of one group from its end, k of `PLACES`, each at its part of the error. What lies beyond such a score has there the
    very bounds of k - 1 of so many."""
    return _bound(members, non_members, seeds, delta, level, _rated)


def guessing_p(
    right: int, members: int, others: int, share: float, epsilon: float, delta: float, patients: int
) -> float:
    """At most the chance that of `members` who are called members, and `others` who are called none, `right` or more are what
    they are called, of a training that is (`epsilon`, `delta`) private. `share` of all `patients` are members."""
    odds = math.exp(min(epsilon, LARGEST))
    as_member = share * odds / (share * odds + 1 - share)
    as_other = (1 - share) * odds / ((1 - share) * odds + share)
    chance = np.convolve(
        *(stats.binom.pmf(np.arange(k + 1), k, q) for k, q in ((members, as_member), (others, as_other)))
    )
    return _with_delta(chance, right, patients * delta / min(share, 1 - share))


def all_guessed_p(right: int, members: int, others: int, epsilon: float, delta: float) -> float:
    """The same where every patient of groups of a fixed size is guessed about, as many to be members as there are `members`.

    From one way to deal the patients that has h members called so to one that has h + 1 it takes two who change places, so that
    the latter is at most e^(2 epsilon) times as likely, and h at most as large as Fisher's noncentral hypergeometric of these
    odds has it: both hold of the ratio of any two neighbours (likelihood ratio order).
    """
    called_right = np.arange(max(0, members - others), members + 1)
    odds = math.exp(2 * min(epsilon, LARGEST))
    chance = np.zeros(members + others + 1)
    chance[others - members + 2 * called_right] = _noncentral(called_right, members, others, odds)
    return _with_delta(chance, right, (members + others) * delta / (min(members, others) / (members + others)))


def _noncentral(called_right: np.ndarray, members: int, others: int, odds: float) -> np.ndarray:
    """Fisher's noncentral hypergeometric law of so many `called_right` among as many called members as there are `members`."""
    # SciPy's has no logarithm, and sums over all of it for each.
    ways = special.gammaln(np.array([members, others]) + 1.0).sum() - (
        2 * special.gammaln(members - called_right + 1.0)
        + special.gammaln(called_right + 1.0)
        + special.gammaln(others - members + called_right + 1.0)
    )
    found = ways + called_right * math.log(odds)
    return np.exp(found - special.logsumexp(found))


def _with_delta(chance: np.ndarray, right: int, told: float) -> float:
    """The chance of `right` or more by the law `chance` of right guesses, and what delta adds, which may have `told` some
    outright: at most so many, weighed by how much each brings."""
    p = float(chance[right:].sum())
    if told and right:
        missed = np.cumsum(chance[:right][::-1])
        p += told * float((missed / np.arange(1, right + 1)).max())
    return min(1.0, p)


def rates_epsilon(true: float, false: float, delta: float) -> float:
    """The least epsilon of a training of which a test has at least this `true` and at most this `false` positive rate."""
    return max(0.0, math.log((true - delta) / false)) if true > delta and false > 0 else 0.0


_Method = Callable[[np.ndarray, np.ndarray, float, float], float]


def _bound(
    members: np.ndarray,
    non_members: np.ndarray,
    seeds: np.random.Generator,
    delta: float,
    level: float,
    method: _Method,
) -> EpsilonBound:
    members, non_members = per_patient(members, "members"), per_patient(non_members, "non-members")
    m, n = len(members), len(non_members)
    if not (0 <= delta < 1 and 0 < level < 1):
        raise RemnantError(f"delta must lie in [0, 1) and level in (0, 1). Got {delta} and {level} instead.")
    if min(m, n) < 2:
        return EpsilonBound(0.0, 0.0, m + n)
    # Places, of which no two are alike: ties fall as they are drawn.
    scores = np.concatenate([members, non_members])
    ranks = np.empty(m + n)
    ranks[np.lexsort((seeds.permutation(m + n), scores))] = np.arange(m + n)
    told = np.arange(m + n)[::-1]
    return EpsilonBound(
        *(method(own[:m], own[m:], delta, 1 - level) for own in (ranks, told.astype(float))),
        m + n,
    )


def _guessed(members: np.ndarray, others: np.ndarray, delta: float, error: float) -> float:
    m, n = len(members), len(others)
    found = []
    for share in SHARES:
        top, bottom = math.ceil(share * m), math.ceil(share * n)
        right = int((members >= m + n - top).sum() + (others < bottom).sum())
        found.append(_least_epsilon(right, top, bottom, m, n, delta, error / len(SHARES)))
    return max(found)


def _least_epsilon(right: int, top: int, bottom: int, m: int, n: int, delta: float, error: float) -> float:
    """The largest epsilon of which so many right guesses are refuted."""

    def beyond(epsilon: float) -> float:
        if (top, bottom) == (m, n):
            return all_guessed_p(right, m, n, epsilon, delta) - error
        return guessing_p(right, top, bottom, m / (m + n), epsilon, delta, m + n) - error

    if beyond(0.0) > 0:
        return 0.0
    return LARGEST if beyond(LARGEST) <= 0 else float(optimize.brentq(beyond, 0.0, LARGEST, xtol=1e-6))


def _rated(members: np.ndarray, others: np.ndarray, delta: float, error: float) -> float:
    least = min(len(members), len(others))
    places = [place for place in PLACES if place <= max(1, least // 2)]
    each = error / (2 * len(places)) / 2
    found = []
    for own, other in ((members, others), (-others, -members)):
        falling = np.sort(other)[::-1]
        for place in places:
            beyond = int((own > falling[place - 1]).sum())
            false = float(stats.beta.ppf(1 - each, place, len(other) - place + 1))
            true = float(stats.beta.ppf(each, beyond, len(own) - beyond + 1)) if beyond else 0.0
            found.append(rates_epsilon(true, false, delta))
    return max(found)
