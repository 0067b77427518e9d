"""Membership by the model's own output, as every study tells it: rows, verdicts, a chapter, and what a headline must not hide."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from remnant.attacks.membership.verdict import judge
from remnant.base.results import FigureView, Row, Section, TableView, matching, number
from remnant.measure.intervals import Interval
from remnant.measure.membership import TruePositives
from remnant.measure.membership_inference import MembershipTest
from remnant.measure.multiplicity import holm
from remnant.report.words import label

BLIND = "blind"


@dataclass(frozen=True)
class Look:
    """What was tested on one target, by signal, and the blind baseline on the same patients.

    `control`: the target was made to leak, so that it accuses nobody's model.
    """

    target: str
    tests: Mapping[str, MembershipTest]
    blind: MembershipTest
    control: bool = False


def membership_rows(looks: Sequence[Look]) -> list[Row]:
    """The table `membership`: a row a target and signal, and the blind baseline of each target as the last.

    `holm_p` is for all signals of all targets together.
    """
    adjusted = _adjusted(looks)
    return [
        _row(look, source, test, adjusted.get((look.target, source)))
        for look in looks
        for source, test in {**look.tests, BLIND: look.blind}.items()
    ]


def verdict_rows(looks: Sequence[Look]) -> list[Row]:
    """The table `membership_verdicts`: what may be said of each target, by `judge`."""
    adjusted = _adjusted(looks)
    rows: list[Row] = []
    for look in looks:
        verdict = judge(look.tests, look.blind, {name: adjusted[look.target, name] for name in look.tests})
        auc = look.tests[verdict.signal].auc.mean if verdict.signal else None
        rows.append({"target": look.target, "control": look.control, **asdict(verdict), "auc": auc})
    return rows


def membership_findings(verdicts: Sequence[Row]) -> list[str]:
    """A paragraph a target."""
    made = {True: " (the positive control)", False: ""}
    return [f"{label(row['target'])}{made[bool(row['control'])]}: {row['sentence']}" for row in verdicts]


def membership_shown(verdicts: Sequence[Row]) -> list[Row]:
    """The verdicts on targets that give their training patients away, strongest first; no control is among them."""
    return sorted(matching(list(verdicts), {"outcome": "shown", "control": False}), key=lambda row: -row["auc"])


def strongest_first(headline: str, verdicts: Sequence[Row], *, exposed: bool) -> str:
    """The `headline` of a study's other attacks with the sentence of membership, where that was shown.

    It comes first unless the others `exposed` somebody.
    """
    shown = membership_shown(verdicts)
    if not shown:
        return headline
    said = f"{label(shown[0]['target'])}: {shown[0]['sentence']}"
    return f"{headline} {said}" if exposed else f"{said} {headline}"


def membership_section(who: str, image: str) -> Section:
    """The chapter; `who`: in a sentence, which members were held against which non-members, `image`: what the model was shown."""
    return Section(
        title="Does the model's own output give its training patients away?",
        text=[
            f"The simplest attack needs no reconstruction: {image} goes through the model, and its output is compared with the "
            "truth.",
            who,
            "The blind baseline is a classifier of members against non-members that never sees the model. Where it is not at "
            "chance the groups differ by themselves, and nothing can be told.",
        ],
        table=TableView(
            name="membership",
            caption="AUC of members against non-members with its 95% interval (none below ten patients a group); p by dealing "
            "the patients to their roles anew, alone and for all rows together (Holm's method); the AUC that so many patients "
            "would have shown with 80% power; the share of members found at 10% false positives.",
            columns={
                "target": "Target",
                "source": "Signal",
                "members": "Members",
                "non_members": "Non-members",
                "{auc} [{auc_low}, {auc_high}]": "AUC",
                "p": "p",
                "holm_p": "p together",
                "detectable_auc": "Detectable",
                "true_positives": "Found at 10% false positives",
            },
        ),
        figures=[
            FigureView(
                name="membership-by-output",
                kind="membership_forest",
                caption="AUC of members against non-members by each signal of the model's output, and of the blind baseline.",
            )
        ],
    )


def stored(test: MembershipTest) -> dict[str, Any]:
    """A test as a cell can return it, without NaN."""
    values = asdict(test)
    for part in (values["auc"], values["true_positives"]["share"]):
        part.update({name: number(value) for name, value in part.items()})
    return values | {"detectable": number(test.detectable)}


def restored(values: Mapping[str, Any]) -> MembershipTest:
    """What `stored` made."""
    rate = values["true_positives"]
    return MembershipTest(
        _interval(values["auc"]),
        values["p"],
        values["p_bound"],
        _float(values["detectable"]),
        TruePositives(rate["rate"], _interval(rate["share"]), rate["needed"], rate["non_members"]),
        values["members"],
        values["non_members"],
    )


def _interval(values: Mapping[str, Any]) -> Interval:
    return Interval(*(_float(values[name]) for name in ("mean", "low", "high")), int(values["n"]))


def _float(value: float | None) -> float:
    return math.nan if value is None else value


def _adjusted(looks: Sequence[Look]) -> dict[tuple[str, str], float]:
    named = [(look.target, name) for look in looks for name in look.tests]
    p_values = [test.p for look in looks for test in look.tests.values()]
    return dict(zip(named, holm(p_values).tolist(), strict=True))


def _row(look: Look, source: str, test: MembershipTest, adjusted: float | None) -> Row:
    return {
        "target": look.target,
        "control": look.control,
        "source": source,
        "members": test.members,
        "non_members": test.non_members,
        "auc": test.auc.mean,
        "auc_low": number(test.auc.low),
        "auc_high": number(test.auc.high),
        "p": test.p,
        "p_bound": test.p_bound,
        "holm_p": adjusted,
        "holm_p_bound": test.p_bound,
        "detectable_auc": number(test.detectable),
        "true_positives": test.true_positives.describe(),
        "true_positive_rate": number(test.true_positives.share.mean),
        "true_positive_rate_low": number(test.true_positives.share.low),
        "true_positive_rate_high": number(test.true_positives.share.high),
    }
