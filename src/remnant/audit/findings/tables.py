"""Tables beside the findings: ROC curves, and how alike the two groups are."""

from collections.abc import Mapping, Sequence

import numpy as np

from remnant.audit.findings.rows import ScoredPatients, interval_columns
from remnant.base.results import Row, number
from remnant.measure.advantage import above_rate
from remnant.measure.balance import Balance, balance
from remnant.measure.roles import MEMBER, NON_MEMBER
from remnant.measure.tpr import low_places, true_positive_rate

POINTS = 101  # of a ROC curve
LOW_POINTS = 25  # of one at low false positive rates, about


def roc_rows(claim: ScoredPatients) -> list[Row]:
    """The ROC curve of a claim at `POINTS` false positive rates, between its corners where scores are tied."""
    members, others = claim.scores[claim.roles == MEMBER], claim.scores[claim.roles == NON_MEMBER]
    rates = np.linspace(0, 1, POINTS)
    found = [above_rate(members, others, rate)[0] / len(members) for rate in rates]
    return [
        {"attack": claim.attack, "view": claim.view, "fpr": float(rate), "tpr": float(share)}
        for rate, share in zip(rates, found, strict=True)
    ]


def low_roc_rows(claim: ScoredPatients) -> list[Row]:
    """The ROC curve at false positive rates that fall to the lowest which a new non-member exceeds, each with the interval of
    `true_positive_rate`; none of several networks, and of so few non-members that none is low (`low_places`)."""
    if claim.scores.ndim > 1:
        return []
    members, others = claim.scores[claim.roles == MEMBER], claim.scores[claim.roles == NON_MEMBER]
    if not low_places(len(others)):
        return []
    last = len(others) + 1
    places = np.unique(np.geomspace(1, last - 1, LOW_POINTS).round())
    return [
        {"attack": claim.attack, "view": claim.view, "fpr": float(place / last)}
        | interval_columns("tpr", true_positive_rate(members, others, place / last))
        for place in places
    ]


def balance_rows(patients: Sequence[str], roles: np.ndarray, traits: Mapping[str, np.ndarray]) -> list[Row]:
    """How alike both groups are in every trait, one value a patient."""
    rows = []
    names = np.array(patients)
    for trait, values in traits.items():
        sides = [part for role in (MEMBER, NON_MEMBER) for part in (values[roles == role], names[roles == role])]
        rows.append(balance_row(trait, balance(*sides)))
    return rows


def balance_row(trait: str, found: Balance) -> Row:
    """One trait of members, whose group is the first, and of non-members."""
    return {
        "trait": trait,
        "members": number(found.first),
        "non_members": number(found.second),
        "members_known": found.first_patients,
        "non_members_known": found.second_patients,
        "difference": number(found.difference),
        "apart": found.apart,
    }
