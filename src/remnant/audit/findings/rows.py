"""From the claims of membership attacks to rows of the one table of findings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import compress
from typing import Any

import numpy as np

from remnant.audit.verdict.family import Key, parts_of
from remnant.base.findings import MOST_TIED, Finding, Statistic
from remnant.base.results import Row, number
from remnant.base.texts import counted
from remnant.measure.advantage import advantage_p, membership_advantage
from remnant.measure.auc import detectable_auc, mann_whitney_auc, tied_share
from remnant.measure.intervals import Interval
from remnant.measure.membership_inference import FALSE_POSITIVES, membership_test
from remnant.measure.roles import MEMBER, NON_MEMBER, OTHER
from remnant.measure.tpr import low_places, members_at_top, true_positive_p, true_positive_rate

GROUP = "members against non-members"
MOST_VALUES = 10  # of a score, of no more of which its AUC and rates give the number of patients with each back


@dataclass(frozen=True)
class ScoredPatients:
    """The claim of one membership attack: how member-like each patient looks in one `view`.

    `patients` (n,), each once; `scores` (n,), higher for more member-like; `roles` (n,) of `measure.membership_inference`. Of
    several networks of one target, in which patients change places, both are (networks, n). `primary`: named before the run.
    `group`: who is held against whom, in words.
    """

    attack: str
    view: str
    patients: tuple[str, ...]
    scores: np.ndarray
    roles: np.ndarray
    primary: bool = False
    group: str = GROUP

    @property
    def key(self) -> Key:
        """The test that this claim is put to."""
        return self.attack, self.view, ""

    def only(self, taken: np.ndarray) -> "ScoredPatients":
        """The same of some patients, boolean (n,)."""
        names = tuple(compress(self.patients, taken))
        return replace(self, patients=names, scores=self.scores[taken], roles=self.roles[taken])


def membership_rows(
    claims: Sequence[ScoredPatients], level: Mapping[Key, float], seeds: np.random.Generator, target: str = "model"
) -> list[Finding]:
    """Findings of each claim, in the order of the claims: AUC, membership advantage, TPR at 10% FPR and, of many non-members,
    at the lowest FPR that shows most.

    Of a claim on several networks the AUC alone, since the same patients are on both sides.
    All are of one null, that the patients were dealt to the groups at random, each with a p of its own, before any
    adjustment: the AUC's is two-sided, the others' one-sided, of a leak. `level`: what each claim may use of the level
    (`family.levels`), of which its statistics have `family.parts_of`.
    """
    return [row for claim in claims for row in _rows(claim, level[claim.key], seeds, target)]


def _rows(claim: ScoredPatients, level: float, seeds: np.random.Generator, target: str) -> list[Finding]:
    test = membership_test(claim.scores, claim.roles, seeds)
    members, others = claim.scores[claim.roles == MEMBER], claim.scores[claim.roles == NON_MEMBER]
    m, n = len(members), len(others)
    several = claim.scores.ndim > 1
    asked = int((np.atleast_2d(claim.roles) != OTHER).any(0).sum())
    tied = tied_share(members, others)
    common = {
        "target": target,
        "attack": claim.attack,
        "view": claim.view,
        "claim": "patient_scores",
        "criterion": "inference",
        "group": claim.group,
        "n": asked,
        "primary": claim.primary,
        "tied": tied,
        "fewest": _smallest_cell(members, others, tied),
        "counts": f"{counted(m, 'member')}, {counted(n, 'non-member')}",
    }
    own = {name: level * part for name, part in parts_of(statistics_of(claim)).items()}
    effect = test.design_effect
    auc = Finding(
        **common,
        **ends(test.auc, mann_whitney_auc(members, others, 1 - own["auc"], design_effect=effect)),
        statistic="auc",
        null=0.5,
        p=test.p,
        p_bound=test.p_bound,
        detectable=number(detectable_auc(m, n, alpha=own["auc"], design_effect=effect)),
    )
    if several:
        return [auc]
    told = membership_advantage(members, others, seeds)
    advantage = ends(told.interval(), told.interval(1 - own["advantage"]))
    at_rate = ends(
        *(true_positive_rate(members, others, FALSE_POSITIVES, one) for one in (0.95, 1 - own["tpr_at_10_fpr"]))
    )
    rows = [
        auc,
        Finding(**common, **advantage, statistic="advantage", null=0.0, p=number(advantage_p(members, others))),
        Finding(
            **common,
            **at_rate,
            statistic="tpr_at_10_fpr",
            null=FALSE_POSITIVES,
            p=number(true_positive_p(members, others, FALSE_POSITIVES)),
        ),
    ]
    return [*rows, _at_top(members, others, own["tpr_at_lowest_fpr"], common)] if "tpr_at_lowest_fpr" in own else rows


def statistics_of(claim: ScoredPatients) -> list[Statistic]:
    """What a claim is tested by: of several networks its AUC, and of many non-members the lowest rate as well."""
    if claim.scores.ndim > 1:
        return ["auc"]
    low: list[Statistic] = ["tpr_at_lowest_fpr"] if low_places(int((claim.roles == NON_MEMBER).sum())) else []
    return ["auc", "advantage", "tpr_at_10_fpr", *low]


def _at_top(members: np.ndarray, others: np.ndarray, level: float, common: Mapping[str, Any]) -> Finding:
    """The finding of members above nearly all others, who are enough to tell."""
    found, wide = (members_at_top(members, others, one, alpha=level) for one in (0.95, 1 - level))
    return Finding(
        **common,
        **ends(found.share, wide.share),
        statistic="tpr_at_lowest_fpr",
        null=found.rate,
        p=found.p,
        detectable=number(found.detectable),
    )


def _smallest_cell(members: np.ndarray, others: np.ndarray, tied: float) -> int | None:
    """Patients in the smallest cell of the table of groups by values, 0 where a value is of one group alone; None of scores of
    many values."""
    values, places = np.unique(np.concatenate([members, others]), return_inverse=True)
    if len(values) > MOST_VALUES and tied <= MOST_TIED:
        return None
    groups = np.split(places, [len(members)])
    return min(int(np.bincount(group, minlength=len(values)).min()) for group in groups)


def ends(found: Interval, wide: Interval) -> dict[str, float | None]:
    """Value, 95% interval and the lower end that holds for all findings together, as a `Finding` has them."""
    return named(found) | {"bound_low": number(wide.low)}


def named(found: Interval) -> dict[str, float | None]:
    return {"value": number(found.mean), "low": number(found.low), "high": number(found.high)}


def interval_columns(name: str, found: Interval) -> Row:
    """A value under `name`, with the ends of its interval, as tables of several values a row have them."""
    return {name: number(found.mean), f"{name}_low": number(found.low), f"{name}_high": number(found.high)}
