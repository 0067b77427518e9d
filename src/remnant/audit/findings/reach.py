"""How far the numbers of so many patients reach: which AUC would have been seen, and what a recipient's guess is worth."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from remnant.audit.findings.rows import ScoredPatients, statistics_of
from remnant.audit.findings.tables import low_roc_rows, roc_rows
from remnant.audit.verdict.family import Key, parts_of
from remnant.base.results import Row, number
from remnant.measure.auc import auc_power, detectable_auc
from remnant.measure.intervals import Interval, clopper_pearson
from remnant.measure.membership_inference import FALSE_POSITIVES
from remnant.measure.roles import MEMBER, NON_MEMBER
from remnant.measure.tpr import true_positive_rate

POWER, WORTH = "auc_power", "guess_worth"
TIMES = (1, 2, 4)  # as many patients as there are
AREAS = np.linspace(0.5, 1.0, 51)
# Shares of members among those whom a recipient may ask about, where the owner has not said any.
ASSUMED = (0.5, 0.1, 0.01)


def scored_tables(
    claims: Sequence[ScoredPatients], level: Mapping[Key, float], base_rate: float | None
) -> dict[str, list[Row]]:
    """The tables of membership attacks beside their findings: ROC curves of all, and of the first that was named before the run
    how strong its test is and what a guess by it is worth. `level`: what each claim may use of the level (`family.levels`)."""
    tables = {
        "roc": [row for claim in claims for row in roc_rows(claim)],
        "roc_low": [row for claim in claims for row in low_roc_rows(claim)],
    }
    first = next((claim for claim in claims if claim.primary and claim.scores.ndim == 1), None)
    if first is not None:
        tables |= {POWER: power_rows(first, level[first.key]), WORTH: worth_rows(first, base_rate)}
    return {name: rows for name, rows in tables.items() if rows or name == "roc"}


def power_rows(claim: ScoredPatients, level: float) -> list[Row]:
    """How likely the test of a claim's AUC finds one of a size, of so many patients and of `TIMES` as many, with what would be
    seen in four of five cases (`detectable`), and the least false positive rate that so many non-members bound (`least_fpr`)."""
    m, n = (int((claim.roles == role).sum()) for role in (MEMBER, NON_MEMBER))
    alpha = level * parts_of(statistics_of(claim))["auc"]
    return [
        {"attack": claim.attack, "view": claim.view, "times": times, "members": times * m, "non_members": times * n}
        | {"auc": float(area), "power": auc_power(float(area), times * m, times * n, alpha)}
        | reached
        for times in TIMES
        for reached in [_reached(times * m, times * n, alpha)]
        for area in AREAS
    ]


def _reached(m: int, n: int, alpha: float) -> Row:
    return {
        "detectable": number(detectable_auc(m, n, alpha=alpha)),
        # One-sided, of nobody told by mistake.
        "least_fpr": clopper_pearson(0, n, 0.9).high,
    }


def worth_rows(claim: ScoredPatients, base_rate: float | None) -> list[Row]:
    """Of those whom the attack tells at `FALSE_POSITIVES` the share who are members, where so many of all who are asked about are
    (`base_rate`, by default each of `ASSUMED`): Bayes' rule with the true positive rate and the ends of its interval."""
    members, others = (claim.scores[claim.roles == role] for role in (MEMBER, NON_MEMBER))
    found = true_positive_rate(members, others, FALSE_POSITIVES)
    return [
        {"attack": claim.attack, "view": claim.view, "members": len(members), "non_members": len(others)}
        | {"fpr": FALSE_POSITIVES, "base_rate": base, "set": base_rate is not None}
        | dict(zip(("value", "low", "high"), _worth(found, base), strict=True))
        for base in _bases(base_rate)
    ]


def _bases(base_rate: float | None) -> Iterable[float]:
    return ASSUMED if base_rate is None else (base_rate,)


def _worth(found: Interval, base: float) -> list[float | None]:
    """Positive predictive value by the rate found, and by the ends of its interval."""
    told = [rate * base / (rate * base + FALSE_POSITIVES * (1 - base)) for rate in (found.mean, found.low, found.high)]
    return [number(one) for one in told]
