"""The strongest findings, and in the annex all of them."""

from remnant.base.findings import AuditResults, Finding
from remnant.base.results import Row, Section, TableView
from remnant.base.terms import called
from remnant.base.texts import counted
from remnant.report.audit_rows import (
    AUCS,
    DIFFER,
    EXPOSED_ELSEWHERE,
    MOST_DRAWN,
    OF_ALL,
    by_strength,
    control_name,
    finding_rows,
    forest_rows,
    name_of,
)
from remnant.report.chapters.part import VALUE, Part, figure
from remnant.report.finding_words import finding_sentence, outcome_sentence
from remnant.report.tables import MOST_ROWS

FINDINGS = TableView(
    name="strongest",
    caption="By chance: what no exposure gives. p is after Holm for all tests, jointly of membership: two-sided of an AUC and of "
    "fold ranks, else one-sided. Exposed takes 0.01 at most. –: not reckoned.",
    columns={
        "name": "Attack",
        "statistic": "Statistic",
        "n": "Patients",
        VALUE: "Value [95% interval]",
        "null": "By chance",
        "adjusted_p": "p",
        "{detectable:.2f}": "Detectable",
        "outcome": "Outcome",
    },
)
ALL_FINDINGS = TableView(
    name="findings",
    caption="All findings. Lower bound: the interval's end that holds for all findings together and is held against limits. "
    "–: not reckoned. Primary: named before the run.",
    columns={
        "name": "Attack",
        # Before what a narrow window hides at the right.
        "outcome": "Outcome",
        "criterion": "Criterion",
        "group": "Groups",
        "counts": "Patients",
        "{statistic} ({primary})": "Statistic",
        VALUE: "Value [95% interval]",
        "bound_low": "Lower bound",
        "null": "By chance",
        "{adjusted_p} ({p})": "p (before Holm)",
        "{detectable:.2f}": "Detectable",
    },
)


def strongest_findings(results: AuditResults) -> Part | None:
    """A sentence for the strongest of each attack, and a table and a figure of those that speak most for exposure."""
    if not results.findings:
        return None
    ordered = by_strength(results, results.findings)
    of_each: dict[str, Finding] = {}
    for one in ordered:
        of_each.setdefault(one.attack, one)
    # The strongest of each attack comes first: what no limit is asked of would else stand in the annex alone.
    rest = [one for one in ordered if one is not of_each[one.attack]]
    strongest = by_strength(results, [*of_each.values(), *rest][:MOST_ROWS])
    more = len(results.findings) - len(strongest)
    rows = forest_rows(results)
    section = Section(
        title="Findings",
        text=[
            f"{finding_sentence(one, name_of(one, results.findings))} {outcome_sentence(one)}".strip()
            for one in list(of_each.values())[:MOST_ROWS]
        ]
        + ([f"{counted(more, 'more finding stands', 'more findings stand')} in the annex."] if more else []),
        figures=figure(rows, "forest", "audit_forest", _caption(results, rows)),
        table=FINDINGS,
    )
    return Part(section, {"strongest": finding_rows(strongest), "forest": rows})


def all_findings(results: AuditResults) -> Part | None:
    """Every finding with all of its columns."""
    if not results.findings:
        return None
    # A mark behind the statistic, and nothing behind that of the others.
    rows = [
        # The groups have a column of their own.
        row | {"primary": "primary" if row["primary"] else None, "name": name_of(one, results.findings, DIFFER[:-1])}
        for one, row in zip(results.findings, finding_rows(results.findings), strict=True)
    ]
    table = ALL_FINDINGS
    if len(groups := {one.group for one in results.findings}) == 1:
        columns = {key: name for key, name in table.columns.items() if key != "group"}
        table = table.model_copy(update={"columns": columns, "caption": f"{table.caption} Groups: {groups.pop()}."})
    return Part(Section(title="All findings", table=table), {"findings": rows})


def _caption(results: AuditResults, rows: list[Row]) -> str:
    drawn = sum(one.statistic in AUCS and one.value is not None for one in results.findings)
    cut = f" The {MOST_DRAWN} strongest of {drawn} are shown." if drawn > MOST_DRAWN else ""
    elsewhere = any(row["outcome"] == EXPOSED_ELSEWHERE for row in rows)
    hollow = (
        " Hollow and red: another statistic of the same scores is exposed, such as the advantage." if elsewhere else ""
    )
    return (
        "Above the line the AUC of each attack, below it that of each control. Detectable: what 80% power would have shown."
        f"{hollow}{cut}{_not_drawn(results)}"
    )


def _not_drawn(results: AuditResults) -> str:
    """Attacks and controls that have no AUC to draw, and those of which it is withheld, in words."""
    with_auc = {one.attack for one in results.findings if one.statistic in AUCS}
    without = [called(one.attack) for one in results.findings if one.attack not in with_auc]
    hidden = [called(one.attack) for one in results.findings if one.statistic in AUCS and one.value is None]
    drawn = [one for one in results.controls if one.kind not in OF_ALL and one.statistic in AUCS]
    gone = [control_name(one) for one in drawn if one.value is None]
    said = [
        (without, "without an AUC, which the tables tell otherwise"),
        ([*hidden, *gone], "since their AUC is withheld or was not measured"),
    ]
    return "".join(f" Not drawn, {why}: {'; '.join(dict.fromkeys(names))}." for names, why in said if names)
