"""From claims to rows of the one table of findings."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from remnant.audit.judge import LEVEL
from remnant.base.findings import Control, Finding
from remnant.base.results import Row, number
from remnant.base.texts import counted
from remnant.measure.advantage import membership_advantage, rate_difference
from remnant.measure.auc import detectable_auc, mann_whitney_auc
from remnant.measure.balance import balance
from remnant.measure.intervals import FEWEST, Interval
from remnant.measure.membership_inference import FALSE_POSITIVES, MEMBER, NON_MEMBER, MembershipTest, membership_test
from remnant.measure.multiplicity import holm, holm_is_bound

PRIMARY_SHARE = 0.5  # of the level, for the tests that were named before the run
PLANTED_AUC = 0.95
CONTROL_LEVEL = 0.05  # two-sided, at which groups that should be alike are taken to differ
GROUP = "members against non-members"
POINTS = 101  # of a ROC curve


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

    def only(self, taken: np.ndarray) -> "Scored":
        """The same of some patients, boolean (n,)."""
        names = tuple(name for name, one in zip(self.patients, taken, strict=True) if one)
        return replace(self, patients=names, scores=self.scores[taken], roles=self.roles[taken])


def membership_rows(claims: Sequence[Scored], seeds: np.random.Generator, target: str = "model") -> list[Finding]:
    """Three findings a claim, in the order of the claims: AUC, membership advantage and TPR at 10% FPR.

    All three are of one null, that the patients were dealt to the groups at random, and so have one p: two-sided, exact or
    Monte Carlo. Holm's adjustment is over all claims; the primary ones share `PRIMARY_SHARE` of the level.
    """
    tests = [membership_test(claim.scores, claim.roles, seeds) for claim in claims]
    weights = _weights(claims)
    adjusted = holm([test.p for test in tests], weights)
    bounds = holm_is_bound([test.p for test in tests], [test.p_bound for test in tests], weights)
    rows = []
    for claim, test, weight, p, bound in zip(claims, tests, weights, adjusted, bounds, strict=True):
        level = LEVEL * float(weight / np.sum(weights))
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
            "p_bound": bool(bound),
            "adjusted_p": float(p),
            "primary": claim.primary,
            "counts": f"{counted(m, 'member')}, {counted(n, 'non-member')}",
        }
        wide = mann_whitney_auc(members, others, 1 - level) if not test.few else test.auc
        rows.append(
            Finding(
                **common,
                statistic="auc",
                null=0.5,
                **ends(test.auc, wide),
                detectable=number(detectable_auc(m, n, alpha=level)),
            )
        )
        # The same halves for both levels.
        state = seeds.bit_generator.state
        found = membership_advantage(members, others, seeds)
        seeds.bit_generator.state = state
        wide = membership_advantage(members, others, seeds, 1 - level)
        rows.append(Finding(**common, statistic="advantage", null=0.0, **ends(found, wide)))
        at_rate = _true_positives(members, others, 0.95)
        rows.append(
            Finding(
                **common,
                statistic="tpr_at_10_fpr",
                null=FALSE_POSITIVES,
                **ends(at_rate, _true_positives(members, others, 1 - level)),
            )
        )
    return rows


def blind_control(test: MembershipTest) -> Control:
    """The control of a classifier that never saw the model, by `measure.blind.blind_test`, whose p is one-sided."""
    passed = test.p > CONTROL_LEVEL / 2
    return Control(
        kind="blind",
        claim="patient_scores",
        **_named(test.auc),
        p=test.p,
        p_bound=test.p_bound,
        n=test.auc.n,
        passed=passed,
        sentence=(
            f"A classifier that never saw the model does not distinguish the groups (AUC {_said(test.auc)})."
            if passed
            else f"A classifier that never saw the model distinguishes the groups (AUC {_said(test.auc)}): they differ by "
            "themselves."
        ),
    )


def null_control(scores: Scored, seeds: np.random.Generator, *, what: str) -> Control:
    """The control of scores that cannot know who is a member; `what` they are of, a noun phrase."""
    test = membership_test(scores.scores, scores.roles, seeds)
    passed = test.p > CONTROL_LEVEL
    return Control(
        kind="null",
        claim="patient_scores",
        **_named(test.auc),
        p=test.p,
        p_bound=test.p_bound,
        n=test.auc.n,
        passed=passed,
        sentence=f"{what[0].upper()}{what[1:]} {'does not distinguish' if passed else 'distinguishes'} members from non-members "
        f"(AUC {_said(test.auc)}).",
    )


def planted_control(attack: str, planted: np.ndarray, non_members: np.ndarray) -> Control:
    """Whether an attack finds patients made to be remembered: `planted` (k,) scores against those of `non_members` (n,)."""
    found = mann_whitney_auc(planted, non_members)
    passed = bool(found.mean >= PLANTED_AUC) if len(planted) and len(non_members) else None
    return Control(
        kind="planted",
        claim="patient_scores",
        attack=attack,
        **_named(found),
        n=found.n,
        passed=passed,
        sentence=f"Planted members {'are' if passed else 'are not'} found (AUC {found.mean:.2f}, asked {PLANTED_AUC:.2f}"
        f"{'' if passed else '), so that the attack is too weak to clear anybody'}" + (")." if passed else "."),
    )


def roc_rows(claim: Scored) -> list[Row]:
    """The ROC curve of a claim at `POINTS` false positive rates."""
    members, others = claim.scores[claim.roles == MEMBER], claim.scores[claim.roles == NON_MEMBER]
    rates = np.linspace(0, 1, POINTS)
    # Above the threshold lie at most so many of the non-members.
    thresholds = np.sort(np.append(others, -np.inf))[::-1][np.floor(rates * len(others) + 1e-9).astype(int)]
    found = [(members > one).mean() for one in thresholds]
    return [
        {"attack": claim.attack, "view": claim.view, "fpr": float(rate), "tpr": float(share)}
        for rate, share in zip(rates, found, strict=True)
    ]


def balance_rows(patients: Sequence[str], roles: np.ndarray, traits: Mapping[str, np.ndarray]) -> list[Row]:
    """How alike both groups are in every trait, one value a patient."""
    rows = []
    names = np.array(patients)
    for trait, values in traits.items():
        sides = [part for role in (MEMBER, NON_MEMBER) for part in (values[roles == role], names[roles == role])]
        found = balance(*sides)
        rows.append(
            {
                "trait": trait,
                "members": number(found.first),
                "non_members": number(found.second),
                "members_known": found.first_patients,
                "non_members_known": found.second_patients,
                "difference": number(found.difference),
                "apart": found.apart,
            }
        )
    return rows


def ends(found: Interval, wide: Interval) -> dict[str, float | None]:
    """Value, 95% interval and the lower end that holds for all findings together, as a `Finding` has them."""
    return _named(found) | {"bound_low": number(wide.low)}


def _named(found: Interval) -> dict[str, float | None]:
    return {"value": number(found.mean), "low": number(found.low), "high": number(found.high)}


def _true_positives(members: np.ndarray, non_members: np.ndarray, level: float) -> Interval:
    """TPR above the threshold that at most `FALSE_POSITIVES` of the non-members exceed; that the threshold is theirs, and the
    rate above it not exactly this, is in the interval (Newcombe 1998, method 10)."""
    m, n = len(members), len(non_members)
    if n < 1 / FALSE_POSITIVES or min(m, n) < FEWEST:
        return Interval(math.nan, math.nan, math.nan, m + n)
    threshold = np.sort(non_members)[::-1][math.floor(FALSE_POSITIVES * n + 1e-9)]
    k, j = int((members > threshold).sum()), int((non_members > threshold).sum())
    apart = rate_difference(k, m, j, n, level)
    low, high = (min(1.0, max(0.0, FALSE_POSITIVES + end)) for end in (apart.low, apart.high))
    return Interval(min(1.0, FALSE_POSITIVES + apart.mean), low, high, m + n)


def _said(auc: Interval) -> str:
    return f"{auc.mean:.2f}" + ("" if math.isnan(auc.low) else f" [{auc.low:.2f}, {auc.high:.2f}]")


def _weights(claims: Sequence[Scored]) -> np.ndarray:
    primary = np.array([claim.primary for claim in claims])
    if not primary.any() or primary.all():
        return np.ones(len(claims))
    return np.where(primary, PRIMARY_SHARE / primary.sum(), (1 - PRIMARY_SHARE) / (~primary).sum())
