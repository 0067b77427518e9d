"""Two subjects held against each other on the same patients: a defence against none, a code against its own segmentation."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from remnant.audit.findings.pairs import Paired
from remnant.audit.findings.rows import ScoredPatients
from remnant.base.results import Row, number
from remnant.base.seeds import Seeds
from remnant.measure.auc import RESAMPLES, auc_contrast, mann_whitney_auc
from remnant.measure.intervals import FEWEST_PATIENTS, Difference, paired_difference
from remnant.measure.multiplicity import holm, holm_is_bound
from remnant.measure.roles import MEMBER, NON_MEMBER
from remnant.measure.verification import verification_contrast

# Of p, two-sided, after Holm for all that was compared together: no verdict rests on a comparison alone.
COMPARISON_LEVEL = 0.05
# Of a bootstrap over pairs, and of ranks that are exchanged, so that the smallest p survives Holm for some dozens.
PAIRED_RESAMPLES = 5000

Shown = Literal["higher", "lower", "not shown", "too few patients"]


@dataclass(frozen=True, kw_only=True)
class Comparison(Difference):
    """A statistic of one subject, `value`, and of the one that it is held `against`: the difference is value minus against."""

    value: float = math.nan
    against: float = math.nan


def of_patients(one: Mapping[str, float], other: Mapping[str, float], seeds: Seeds) -> Comparison:
    """Means of a value a patient, such as Dice or a rank, over those patients who have both; NaN without any."""
    both = [patient for patient in one if patient in other]
    if not both:
        return Comparison(n=0)
    here, there = ({patient: values[patient] for patient in both} for values in (one, other))
    value, against = (float(np.mean(list(values.values()))) for values in (here, there))
    return Comparison(**vars(paired_difference(here, there, seeds.numpy())), value=value, against=against)


def of_pairs(one: Paired, other: Paired, seeds: Seeds, resamples: int = PAIRED_RESAMPLES) -> Comparison:
    """AUCs of two adversaries on the same pairs, by the same draws of patients for both.

    Each as its scores stand: those of an adversary that is wrong on patients of the attacker's own are to be turned before.
    """
    same = one.patients[:, 0] == one.patients[:, 1]
    value, against = (mann_whitney_auc(each.scores[same], each.scores[~same]).mean for each in (one, other))
    found = verification_contrast(one.scores, other.scores, one.patients, seeds.numpy(), resamples=resamples)
    return Comparison(**vars(found), value=value, against=against)


def of_scores(one: ScoredPatients, other: ScoredPatients, seeds: Seeds, resamples: int = RESAMPLES) -> Comparison:
    """AUCs of members against non-members, of those patients who have the same role under both."""
    roles = [dict(zip(each.patients, each.roles, strict=True)) for each in (one, other)]
    both = {name: role for name, role in roles[0].items() if roles[1].get(name) == role}
    sides = []
    for each in (one, other):
        scores = dict(zip(each.patients, each.scores, strict=True))
        sides.append(
            tuple(np.array([scores[name] for name, own in both.items() if own == r]) for r in (MEMBER, NON_MEMBER))
        )
    found = auc_contrast(*sides, seeds.numpy(), resamples=resamples)
    value, against = (mann_whitney_auc(*side).mean for side in sides)
    return Comparison(**vars(found), value=value, against=against)


def comparison_rows(compared: Sequence[tuple[Row, Comparison]]) -> list[Row]:
    """A row a comparison, behind the columns that say of what it is; `holm_p` is for all of them together.

    `shown`: which way the interval leaves zero out, where `holm_p` is at most `COMPARISON_LEVEL`.
    """
    return shown_together(
        [
            {**key, "n": one.n, "value": number(one.value), "against": number(one.against), **difference_columns(one)}
            for key, one in compared
        ]
    )


def shown_together(rows: Sequence[Row]) -> list[Row]:
    """Rows of differences (`n`, `low`, `high`, `p`, `p_bound`) with `holm_p`, for all of them together, and what is `shown`."""
    return [row | {"shown": _shown(row)} for row in with_holm(rows)]


def _shown(row: Row) -> Shown:
    if row["holm_p"] is None or row["low"] is None or row["n"] < FEWEST_PATIENTS:
        return "too few patients"
    if row["holm_p"] > COMPARISON_LEVEL or row["low"] <= 0 <= row["high"]:
        return "not shown"
    return "higher" if row["low"] > 0 else "lower"


def difference_columns(found: Difference) -> Row:
    """A difference with its interval, its p-value and what of it was detectable."""
    return {
        "difference": number(found.difference),
        "low": number(found.low),
        "high": number(found.high),
        "p": number(found.p),
        "p_bound": found.p_bound,
        "detectable": number(found.detectable),
    }


def with_holm(rows: Sequence[Row]) -> list[Row]:
    """The rows with `holm_p`, their p-values `p` for all of them together (Holm 1979), and `holm_p_bound`, whether it is one.

    None where `p` is None: what could not be tested does not count.
    """
    p_values = [math.nan if row["p"] is None else float(row["p"]) for row in rows]
    bounds = holm_is_bound(p_values, [bool(row["p_bound"]) for row in rows])
    return [
        {**row, "holm_p": number(p), "holm_p_bound": bool(bound)}
        for row, p, bound in zip(rows, holm(p_values), bounds, strict=True)
    ]
