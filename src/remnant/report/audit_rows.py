"""Rows of the tables and figures that every audit's report has, from its findings, controls and limits."""

import math
from collections.abc import Sequence

from remnant.base.findings import AuditResults, Control, Finding
from remnant.base.results import Row
from remnant.base.terms import LIMITS, STATISTICS, beyond_chance, called, capital, digits_beside, in_range, seen_by
from remnant.base.texts import enumerated, short
from remnant.report.finding_words import shown_of_few
from remnant.report.tables import cell
from remnant.report.words import WITHHELD, split

POWERLESS = ("advantage", "tpr_at_10_fpr", "rank1")  # statistics of which no detectable value is reckoned
DIFFER = ("target", "defence", "where", "group")
AUCS = ("auc", "verification_auc")
EXPOSED_ELSEWHERE = "exposed by another statistic"  # of the same scores, where their AUC is not exposed itself
LONGEST = 110  # of one in a table or a sentence
MOST_DRAWN = 27  # lines of a forest that fit a printed page with a dozen controls
MOST_CURVES = 8
OF_ALL = {"fit": "cross-entropy", "dose": "AUC by dose"}  # what a control is of that has a p alone
CONTROL_WORDS = {
    "blind": "blind baseline",
    "null": "null",
    "planted": "planted members",
    "canary": "canaries",
    "recipe": "the same training",
    "dose": "doses of training",
    "fit": "fit of the members",
}
PLANTED = {"attributes": "planted attribute", "pair_scores": "scans as they are"}


def by_strength(results: AuditResults, findings: Sequence[Finding]) -> list[Finding]:
    """The findings, what speaks most for exposure first.

    Exposed before others, then a leak that is shown of too few patients, then what a limit is asked of, then scores of many
    values before those of few, then by how far the interval's lower end, or the value where there is no interval, lies from
    chance towards certainty.
    """
    asked = {limit.statistic for limit in results.limits if limit.asked}

    def strength(finding: Finding) -> tuple[bool, bool, bool, bool, float]:
        end = finding.low if finding.low is not None else finding.value
        excess = -math.inf if end is None else (end - finding.null) / max(1 - finding.null, 1e-9)
        exposed, few = finding.outcome == "exposed", shown_of_few(finding)
        return exposed, few, finding.statistic in asked, not finding.coarse, excess

    return sorted(findings, key=strength, reverse=True)


def strongest_of(results: AuditResults, findings: Sequence[Finding]) -> Finding:
    """The one of the `findings` that stands for all of them: the strongest that decides a limit, so that a page has one number
    for one thing; any stronger one only where that is exposed and no deciding one is."""
    places = {one.finding for one in results.verdict.judged}
    deciding = [one for place, one in enumerate(results.findings) if place in places]
    order = by_strength(results, findings)
    held = [one for one in order if one in deciding]
    return held[0] if held and (held[0].outcome == "exposed" or order[0].outcome != "exposed") else order[0]


def name_of(finding: Finding, findings: Sequence[Finding], parts: Sequence[str] = DIFFER) -> str:
    """The attack and what it saw, and of its `parts` (target, defence, place and group) what differs among `findings`."""
    differ = [getattr(finding, part) for part in parts if len({getattr(one, part) for one in findings}) > 1]
    return short(" · ".join(filter(None, [*differ, called(finding.attack), finding.view])), LONGEST)


def finding_rows(findings: Sequence[Finding]) -> list[Row]:
    """Every column of the findings, with their statistic in words and the name of each."""
    return [
        in_range(finding).model_dump()
        | {"name": name_of(finding, findings), "statistic": STATISTICS[finding.statistic], "outcome": finding.outcome}
        | {"adjusted_p_bound": finding.p_bound, "primary": "yes" if finding.primary else ""}
        | dict.fromkeys(_gone(finding), WITHHELD)
        for finding in findings
    ]


def _gone(finding: Finding) -> tuple[str, ...]:
    """Which columns of a finding are withheld, as none is but for release; what was not reckoned is a dash."""
    if finding.outcome is None:
        power = () if finding.statistic in POWERLESS else ("detectable",)
        return ("n", "value", "bound_low", "adjusted_p", "outcome", *power)
    return ("adjusted_p",) if finding.adjusted_p is None and finding.p is not None else ()


def control_rows(controls: Sequence[Control]) -> list[Row]:
    """Every control with its outcome in a word."""
    return [
        in_range(control).model_dump()
        | {
            "name": control_name(control),
            "statistic": OF_ALL.get(control.kind) or STATISTICS[control.statistic],
            "outcome": control_outcome(control),
        }
        | dict.fromkeys(("value", "p", "n") if control_withheld(control) else (), WITHHELD)
        for control in controls
    ]


def forest_rows(results: AuditResults) -> list[Row]:
    """The strongest `MOST_DRAWN` AUCs of the findings, then those of the controls, for `audit_forest`."""
    return auc_rows(by_strength(results, results.findings), results.controls)


def auc_rows(findings: Sequence[Finding], controls: Sequence[Control] = ()) -> list[Row]:
    """The first `MOST_DRAWN` AUCs of the findings, then those of the controls, for `audit_forest`."""
    shown = [in_range(one) for one in findings if one.statistic in AUCS and one.value is not None]
    rows = [
        {
            "name": name_of(finding, shown),
            "kind": "finding",
            "auc": finding.value,
            "low": finding.low,
            "high": finding.high,
            "detectable": finding.detectable,
            "outcome": _drawn(finding, findings),
        }
        for finding in shown[:MOST_DRAWN]
    ]
    return rows + [
        {
            "name": short(control_name(control), LONGEST),
            "kind": "control",
            "auc": control.value,
            "low": control.low,
            "high": control.high,
            "detectable": None,
            "outcome": control_outcome(control),
        }
        for control in map(in_range, controls)
        if control.statistic in AUCS and control.value is not None
    ]


def _drawn(finding: Finding, findings: Sequence[Finding]) -> str:
    """The outcome of an AUC as a figure has it: patients may be exposed by another number of the same scores."""
    alike = ("target", "defence", "attack", "view", "where", "group")
    if finding.outcome != "exposed" and any(
        one.outcome == "exposed" and all(getattr(one, part) == getattr(finding, part) for part in alike)
        for one in findings
    ):
        return EXPOSED_ELSEWHERE
    return finding.outcome or "not testable"


def limit_rows(results: AuditResults) -> list[Row]:
    """Each limit that was held against a finding, beyond chance, for `limits_held`."""
    limits = {limit.name: limit for limit in results.limits}
    rows = []
    for one in results.verdict.judged:
        finding = None if one.finding is None else results.findings[one.finding]
        if finding and finding.value is not None:
            digits = digits_beside(finding, limits[one.limit].value)
            rows.append(
                {
                    "limit_name": one.limit,
                    "name": capital(LIMITS[one.limit]),
                    "seen": seen_by(finding),
                    **beyond_chance(finding, digits),
                    "digits": digits,
                    "limit": limits[one.limit].value,
                    "ruling": one.ruling,
                }
            )
    return rows


def beyond(row: Row) -> str:
    """What lies beyond chance in a row of `limit_rows`, with its interval."""
    return cell(row, "{value:.DIGITSf} [{low:.DIGITSf}, {high:.DIGITSf}]".replace("DIGITS", str(row["digits"]))).text


def strongest_curves(results: AuditResults, table: str = "roc") -> list[Row]:
    """The ROC curves of the `MOST_CURVES` strongest attacks, of a `table` of them."""
    curves = split(results.tables.get(table, []), "attack", "view")
    order = [(one.attack, one.view) for one in by_strength(results, results.findings) if one.statistic == "auc"]
    ranked = sorted(curves, key=lambda keys: order.index(keys) if keys in order else len(order))
    return [row for keys in ranked[:MOST_CURVES] for row in curves[keys]]


def fold_curve_rows(results: AuditResults) -> list[Row]:
    """The power of the fold-rank test, with what the cohort would have shown and what was found of it, for `fold_power`."""
    of_ranks = next((one for one in results.findings if one.statistic == "fold_rank"), None)
    names = ("detectable", "outcome")
    marks = {name: of_ranks and getattr(of_ranks, name) for name in names} | {"found": of_ranks and of_ranks.value}
    return [row | marks for row in results.tables.get("fold_power", [])]


def with_attacks(sentences: Sequence[str], controls: Sequence[Control]) -> list[str]:
    """The `sentences`, each of a control with its attacks before it where another of its kind has one among them or the same."""
    own: dict[str, list[Control]] = {}
    for control in controls:
        if control.attack and control_name(control) not in control.sentence:
            own.setdefault(control.sentence, []).append(control)
    kinds = [control.kind for one in dict.fromkeys(sentences) for control in own.get(one, [])]

    def attacks(sentence: str) -> str:
        of = own.get(sentence, [])
        several = of and kinds.count(of[0].kind) > 1
        names = list(dict.fromkeys(called(one.attack) for one in of))
        each = ", each" if len(names) > 1 and "this control" in sentence else ""
        return f"{capital(enumerated(names))}{each}: " if several else ""

    return [f"{attacks(one)}{one}" for one in sentences]


def control_withheld(control: Control) -> bool:
    """Whether its numbers are; its sentence then says so."""
    return control.n is None and f"are {WITHHELD}:" in control.sentence


def control_kind(control: Control) -> str:
    """ "planted members"."""
    return (
        PLANTED.get(control.claim or "", CONTROL_WORDS["planted"])
        if control.kind == "planted"
        else CONTROL_WORDS[control.kind]
    )


def control_name(control: Control) -> str:
    """ "planted members, lira"."""
    return ", ".join(filter(None, [control_kind(control), called(control.attack)]))


def control_outcome(control: Control) -> str:
    """Whether it passed, in words; why one cannot tell, too few patients or labels that are all alike, its sentence says."""
    silent = {"recipe": "nothing seen", "dose": "no trend"}
    return {True: "passed", False: "failed", None: silent.get(control.kind, "cannot tell")}[control.passed]
