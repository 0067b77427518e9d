"""From the claims of membership attacks to rows of the one table of findings."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from remnant.audit.family import Key
from remnant.base.findings import Finding
from remnant.base.results import number
from remnant.base.texts import counted
from remnant.measure.advantage import above_rate, membership_advantage, rate_difference
from remnant.measure.auc import detectable_auc, mann_whitney_auc
from remnant.measure.intervals import FEWEST, Interval
from remnant.measure.membership_inference import FALSE_POSITIVES, MEMBER, NON_MEMBER, membership_test

GROUP = "members against non-members"


@dataclass(frozen=True)
class Scored:
    """The claim of one membership attack: how member-like each patient looks in one `view`.

    `patients` (n,), each once; `scores` (n,), higher for more member-like; `roles` (n,) of `measure.membership_inference`.
    `primary`: named before the run. `words` of the view for a report.
    """

    attack: str
    view: str
    patients: tuple[str, ...]
    scores: np.ndarray
    roles: np.ndarray
    primary: bool = False

    @property
    def key(self) -> Key:
        """The test that this claim is put to."""
        return self.attack, self.view, ""

    def only(self, taken: np.ndarray) -> "Scored":
        """The same of some patients, boolean (n,)."""
        names = tuple(name for name, one in zip(self.patients, taken, strict=True) if one)
        return replace(self, patients=names, scores=self.scores[taken], roles=self.roles[taken])


def membership_rows(
    claims: Sequence[Scored], level: Mapping[Key, float], seeds: np.random.Generator, target: str = "model"
) -> list[Finding]:
    """Three findings a claim, in the order of the claims: AUC, membership advantage and TPR at 10% FPR.

    All three are of one null, that the patients were dealt to the groups at random, and so have one p: two-sided, exact or
    Monte Carlo, here before any adjustment. `level`: what each test may use of the level (`family.levels`).
    """
    return [row for claim in claims for row in _rows(claim, level[claim.key], seeds, target)]


def _rows(claim: Scored, level: float, seeds: np.random.Generator, target: str) -> list[Finding]:
    test = membership_test(claim.scores, claim.roles, seeds)
    members, others = claim.scores[claim.roles == MEMBER], claim.scores[claim.roles == NON_MEMBER]
    m, n = len(members), len(others)
    common = {
        "target": target,
        "attack": claim.attack,
        "view": claim.view,
        "claim": "patient_scores",
        "criterion": "inference",
        "group": GROUP,
        "n": m + n,
        "p": test.p,
        "p_bound": test.p_bound,
        "primary": claim.primary,
        "counts": f"{counted(m, 'member')}, {counted(n, 'non-member')}",
    }
    wide = mann_whitney_auc(members, others, 1 - level)
    detectable = number(detectable_auc(m, n, alpha=level))
    auc = Finding(**common, statistic="auc", null=0.5, **ends(test.auc, wide), detectable=detectable)
    # The same halves for both levels.
    state = seeds.bit_generator.state
    found = membership_advantage(members, others, seeds)
    seeds.bit_generator.state = state
    advantage = ends(found, membership_advantage(members, others, seeds, 1 - level))
    at_rate = ends(*(_true_positives(members, others, one) for one in (0.95, 1 - level)))
    return [
        auc,
        Finding(**common, statistic="advantage", null=0.0, **advantage),
        Finding(**common, statistic="tpr_at_10_fpr", null=FALSE_POSITIVES, **at_rate),
    ]


def ends(found: Interval, wide: Interval) -> dict[str, float | None]:
    """Value, 95% interval and the lower end that holds for all findings together, as a `Finding` has them."""
    return named(found) | {"bound_low": number(wide.low)}


def named(found: Interval) -> dict[str, float | None]:
    return {"value": number(found.mean), "low": number(found.low), "high": number(found.high)}


def _true_positives(members: np.ndarray, non_members: np.ndarray, level: float) -> Interval:
    """TPR above the threshold that at most `FALSE_POSITIVES` of the non-members exceed, ties at random; that the threshold is
    theirs, and the rate above it not exactly this, is in the interval (Newcombe 1998, method 10)."""
    m, n = len(members), len(non_members)
    if n < 1 / FALSE_POSITIVES or min(m, n) < FEWEST:
        return Interval(math.nan, math.nan, math.nan, m + n)
    k, j = above_rate(members, non_members, FALSE_POSITIVES)
    apart = rate_difference(k, m, j, n, level)
    low, high = (min(1.0, max(0.0, FALSE_POSITIVES + end)) for end in (apart.low, apart.high))
    return Interval(min(1.0, FALSE_POSITIVES + apart.mean), low, high, m + n)
