"""Membership by the model's own output in the words of a study: findings, headlines, and tests as cells return them."""

import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from remnant.base.results import Row, matching, number
from remnant.base.texts import counted
from remnant.measure.intervals import Interval
from remnant.measure.membership import TruePositives
from remnant.measure.membership_inference import MembershipTest
from remnant.report.words import label

# What is said of several targets, by outcome.
OUTCOMES = {"shown": "shown", "not shown": "not shown", "cannot tell": "left open"}


def membership_findings(verdicts: Sequence[Row]) -> list[str]:
    """A paragraph a target; a control, which says nothing of the models in question, is called one."""
    made = {True: " (a control)", False: ""}
    return [f"{label(row['target'])}{made[bool(row['control'])]}: {row['sentence']}" for row in verdicts]


def membership_summary(verdicts: Sequence[Row], controls: Collection[str] = ()) -> list[str]:
    """One paragraph for many targets: the strongest, and how many others there are of each outcome.

    The strongest is the one whose signal has the largest AUC: of those that it was shown of, if any; a target that is no control
    nor among the `controls`, those that stand beside what is judged, goes before one that is.
    """
    if not verdicts:
        return []
    first = max(
        membership_shown(verdicts) or verdicts,
        key=lambda row: (not (row["control"] or row["target"] in controls), row["strongest_auc"] or 0.0),
    )
    said = f"{label(first['target'])}: {first['sentence']}"
    others = Counter(str(row["outcome"]) for row in verdicts if row is not first)
    if first["outcome"] == "cannot tell":
        left = others.pop("cannot tell", 0) + 1
        said += (
            f" It is left open of {left} of {counted(len(verdicts), 'target')}; of those that are no control this one has the "
            "strongest signal."
        )
    counts = [f"{words} of {others[outcome]}" for outcome, words in OUTCOMES.items() if others[outcome]]
    return [f"{said} Of the other targets, it was {', '.join(counts)}." if counts else said]


def membership_shown(verdicts: Sequence[Row]) -> list[Row]:
    """The verdicts on targets that give their training patients away, strongest first; no control is among them."""
    return sorted(matching(list(verdicts), {"outcome": "shown", "control": False}), key=lambda row: -row["auc"])


def strongest_first(headline: str, verdicts: Sequence[Row], *, exposed: bool) -> str:
    """The `headline` of a study's other attacks with the sentence of membership, where that was shown.

    It comes first unless the others `exposed` somebody, or as many targets where they claim the same.
    """
    shown = membership_shown(verdicts)
    if not shown:
        return headline
    said = f"{label(shown[0]['target'])}: {shown[0]['sentence']}"
    if len(shown) > 1:
        models = len(matching(list(verdicts), {"control": False}))
        said += f" That is shown of {len(shown)} of {models} targets, most clearly of this one."
    return f"{headline} {said}" if exposed else f"{said} {headline}"


def stored(test: MembershipTest) -> dict[str, Any]:
    """A test as a cell can return it, without NaN."""
    values = asdict(test)
    for part in (values["auc"], values["true_positives"]["share"]):
        part.update({name: number(value) for name, value in part.items()})
    return values


def restored(values: Mapping[str, Any]) -> MembershipTest:
    """What `stored` made."""
    rate = values["true_positives"]
    return MembershipTest(
        _interval(values["auc"]),
        values["p"],
        values["p_bound"],
        values["design_effect"],
        TruePositives(rate["rate"], _interval(rate["share"]), rate["needed"], rate["non_members"]),
        values["members"],
        values["non_members"],
    )


def _interval(values: Mapping[str, Any]) -> Interval:
    return Interval(*(_float(values[name]) for name in ("mean", "low", "high")), int(values["n"]))


def _float(value: float | None) -> float:
    return math.nan if value is None else value
