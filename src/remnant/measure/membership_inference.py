"""How well one score a patient distinguishes the patients who trained a model from those who did not.

Every patient has a role for a target: `MEMBER`, `NON_MEMBER`, or `OTHER` for those whose role is another (the attacker's, the
validation's) and whose score serves the permutation alone. With several targets, such as the folds of a rotation, a patient
is a member of one and a non-member of another: patients are then dealt anew as a whole, with all of their scores.
"""

import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from scipy import stats

from remnant.base.errors import RemnantError
from remnant.base.texts import counted, p_said
from remnant.measure.auc import detectable_auc, few, mann_whitney_auc
from remnant.measure.intervals import Interval
from remnant.measure.membership import TruePositives, true_positives
from remnant.measure.roles import MEMBER, NON_MEMBER

RESAMPLES = 10_000
FALSE_POSITIVES = 0.1  # the rate at which true positives are reported
EXACT_PRODUCT = 10_000  # members times non-members up to which SciPy's exact distribution takes under 0.1 s
MANY = 1_000  # patients a group from which the normal approximation is as good as 10,000 deals
TOGETHER = 2**14  # places of the deals that are counted together
ALL_ORDERS = 7  # patients of whom every deal is counted: 7! are 5,040
LEAST_DESIGN_EFFECT = 0.1


@dataclass(frozen=True)
class MembershipTest:
    """Members against non-members by one score a patient, higher for more member-like.

    `auc` has an interval where the groups are not `few`. `p`: two-sided, of the patients having been dealt to their roles at
    random; it is exact, or Monte Carlo, and with `p_bound` no deal was as extreme, so that p is at most this. `design_effect`:
    by how much the variance of this AUC is larger than that of as many independent patients; the interval is made with it.
    `true_positives`: at `FALSE_POSITIVES`.
    """

    auc: Interval
    p: float
    p_bound: bool
    design_effect: float
    true_positives: TruePositives
    members: int
    non_members: int

    @property
    def few(self) -> bool:
        """Whether a group is too small for an interval."""
        return few(self.members, self.non_members)

    def detectable(self, level: float = 0.05) -> float:
        """The AUC that a two-sided test at this `level` would have shown with 80% power, in the design of the interval."""
        return detectable_auc(self.members, self.non_members, alpha=level, design_effect=self.design_effect)

    def describe(self) -> str:
        """Patients, AUC and p in words for a report."""
        interval = "" if math.isnan(self.auc.low) else f" [{self.auc.low:.2f}, {self.auc.high:.2f}]"
        return (
            f"{counted(self.members, 'member')} and {counted(self.non_members, 'non-member')}, AUC "
            f"{self.auc.mean:.2f}{interval}, "
            f"{p_said(self.p, bound=self.p_bound)}"
        )


def membership_test(
    scores: np.ndarray,
    roles: np.ndarray,
    seeds: np.random.Generator,
    resamples: int = RESAMPLES,
    design_effect: float | None = None,
) -> MembershipTest:
    """Test `scores` (n,) of one target or (targets, n) of several, with `roles` of the same shape, for n patients.

    One target: p of the Mann-Whitney test, exact without ties up to `EXACT_PRODUCT` pairs and, with ties, where all deals are no
    more than `resamples`; else Monte Carlo, hits + 1 over resamples + 1 (Phipson and Smyth 2010). The interval is
    `mann_whitney_auc`'s.

    Several: scores of all targets are pooled into one AUC. p deals the patients anew to the rows of roles, each with all of
    his scores (every deal up to `ALL_ORDERS` patients), which is exact whatever patients and targets differ in. The interval
    is about these very targets, as p is, and takes in that the same patients stand in both groups: its variance is multiplied
    by what targets as strata and patients as clusters do to DeLong's (Obuchowski 1997, at least `LEAST_DESIGN_EFFECT`).

    `design_effect`: that of the scores where it is known otherwise, as of scores that were fitted to the roles. Raises
    `RemnantError` for unlike shapes, scores that are not finite and no member or no non-member.
    """
    scores, roles = (np.atleast_2d(part) for part in (np.asarray(scores, dtype=float), np.asarray(roles)))
    if scores.shape != roles.shape or scores.ndim != 2 or not np.isfinite(scores).all():
        raise RemnantError(
            "A membership test needs one finite score and one role a patient and target. Got shapes "
            f"{scores.shape} and {roles.shape} with {int((~np.isfinite(scores)).sum())} scores not finite instead."
        )
    members, non_members = scores[roles == MEMBER], scores[roles == NON_MEMBER]
    m, n = len(members), len(non_members)
    if min(m, n) == 0:
        raise RemnantError(f"A membership test needs members and non-members. Got {m} and {n} instead.")
    alone = len(scores) == 1
    effect = design_effect or (1.0 if alone else _design_effect(scores, roles))
    auc = mann_whitney_auc(members, non_members, design_effect=effect)
    if alone:
        p, bound = _mann_whitney_p(members, non_members, seeds, resamples)
    else:

        def apart(dealt: np.ndarray) -> np.ndarray:
            return np.abs(aucs_of(scores[:, dealt].swapaxes(0, 1), roles) - 0.5)

        dealt = dealt_again(apart, scores.shape[1], seeds, resamples)
        p, bound = dealt.p, dealt.p_bound
    at_rate = true_positives(members, non_members, (FALSE_POSITIVES,))[0]
    return MembershipTest(auc, p, bound, effect, at_rate, m, n)


def aucs_of(scores: np.ndarray, roles: np.ndarray) -> np.ndarray:
    """AUC of members against non-members, ties half, of each of `scores` (..., *shape), with `roles` of that shape."""
    members, others = roles == MEMBER, roles == NON_MEMBER
    m, n = int(members.sum()), int(others.sum())
    ranks = stats.rankdata(np.concatenate([scores[..., members], scores[..., others]], axis=-1), axis=-1)
    return (ranks[..., :m].sum(-1) - m * (m + 1) / 2) / (m * n)


@dataclass(frozen=True)
class PermutationTest:
    """One-sided `p` of a statistic among deals of the patients, whether that is a bound, and its `values` in these deals."""

    p: float
    p_bound: bool
    values: np.ndarray


def dealt_again(
    statistic: Callable[[np.ndarray], np.ndarray],
    patients: int,
    seeds: np.random.Generator,
    resamples: int = RESAMPLES,
    matched: np.ndarray | None = None,
) -> PermutationTest:
    """`statistic(orders)` (deals,) at the order as it is, held against other orders (deals, patients) of the `patients`.

    Every order up to `ALL_ORDERS` patients, which is exact; else `resamples` random ones, with hits + 1 over resamples + 1
    (Phipson and Smyth 2010): without a hit that is the most that p may be. Patients of one number in `matched`, int
    (patients,), change places with each other alone.
    """
    least = statistic(np.arange(patients)[None])[0] - 1e-12
    drawn, found = orders(patients, seeds, resamples, matched), []
    while together := list(itertools.islice(drawn, max(1, TOGETHER // patients))):
        found.append(statistic(np.array(together)))
    values = np.concatenate(found)
    hits = int((values >= least).sum())
    if patients <= ALL_ORDERS:
        return PermutationTest(hits / len(values), False, values)
    return PermutationTest((hits + 1) / (resamples + 1), hits == 0, values)


def orders(
    patients: int, seeds: np.random.Generator, resamples: int, matched: np.ndarray | None = None
) -> Iterator[np.ndarray]:
    """The deals of `dealt_again`: every order of few patients, else random ones, each (patients,)."""
    start = np.arange(patients)
    matched = np.zeros(patients) if matched is None else np.asarray(matched)
    if patients <= ALL_ORDERS:
        every = (np.array(order) for order in itertools.permutations(range(patients)))
        yield from (order for order in every if (matched[order] == matched).all())
        return
    places = np.argsort(matched, kind="stable")
    alike = np.split(places, np.flatnonzero(np.diff(matched[places])) + 1)
    if len(alike) == 1:
        for deals in _blocks(patients, resamples):
            yield from seeds.permuted(np.broadcast_to(start, (deals, patients)), axis=1)
        return
    for _ in range(resamples):
        order = start.copy()
        for own in alike:
            order[own] = seeds.permutation(own)
        yield order


def _mann_whitney_p(
    members: np.ndarray, non_members: np.ndarray, seeds: np.random.Generator, resamples: int
) -> tuple[float, bool]:
    pooled = np.concatenate([members, non_members])
    if np.ptp(pooled) == 0:
        return 1.0, False
    if len(np.unique(pooled)) == len(pooled) and len(members) * len(non_members) <= EXACT_PRODUCT:
        return float(stats.mannwhitneyu(members, non_members, method="exact").pvalue), False
    if min(len(members), len(non_members)) >= MANY:
        return float(stats.mannwhitneyu(members, non_members, method="asymptotic").pvalue), False
    # Ranks are the same in every deal, and `mannwhitneyu` would find them anew in each.
    m, ranks = len(members), stats.rankdata(pooled)
    if math.comb(len(pooled), m) <= resamples:
        every = stats.permutation_test(
            (ranks[:m], ranks[m:]), lambda a, _, axis: a.sum(axis), vectorized=True, n_resamples=resamples
        )
        return float(every.pvalue), False
    found, below, above = ranks[:m].sum(), 1, 1
    for deals in _blocks(len(pooled), resamples):
        sums = seeds.permuted(np.broadcast_to(ranks, (deals, len(pooled))), axis=1)[:, :m].sum(1)
        below, above = below + int((sums <= found).sum()), above + int((sums >= found).sum())
    # As in SciPy's `permutation_test`: twice the smaller tail, whose least is one in so many.
    tail = min(below, above)
    return min(1.0, 2 * tail / (resamples + 1)), tail == 1


def _blocks(patients: int, deals: int) -> Iterator[int]:
    """So many deals of the patients, in parts that do not leave the processor's cache."""
    at_once = max(1, TOGETHER // patients)
    yield from (min(at_once, deals - first) for first in range(0, deals, at_once))


def _design_effect(scores: np.ndarray, roles: np.ndarray) -> float:
    """Variance of the pooled AUC with patients as clusters, within targets, over that with every score its own (Obuchowski 1997).

    How far targets differ is the same in every deal of the patients, and no error of sampling either.
    """
    members, others = roles == MEMBER, roles == NON_MEMBER
    above = (scores[members][:, None] > scores[others]) + 0.5 * (scores[members][:, None] == scores[others])
    won, lost = np.zeros(scores.shape), np.zeros(scores.shape)
    won[members], lost[others] = above.mean(1) - above.mean(), above.mean(0) - above.mean()
    m, n = members.sum(), others.sum()

    def variance(wins: np.ndarray, losses: np.ndarray) -> float:
        return float((wins**2).sum() / m**2 + (losses**2).sum() / n**2 + 2 * (wins * losses).sum() / (m * n))

    apart = variance(won, np.zeros(1)) + variance(np.zeros(1), lost)
    if apart == 0:
        return 1.0
    within = variance(_within(won, members).sum(0), _within(lost, others).sum(0))
    return max(LEAST_DESIGN_EFFECT, within / apart)


def _within(values: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """Deviations from each target's mean, made larger for the mean being of few; those of one alone stay as they are."""
    number = chosen.sum(1, keepdims=True)
    mean = values.sum(1, keepdims=True) / np.maximum(number, 1)
    deviations = (values - mean) * np.sqrt(number / np.maximum(number - 1, 1))
    return np.where(chosen, np.where(number > 1, deviations, values), 0.0)
