"""The evidence below the decision sheet, for the engineer, and the annex: figures before tables, long tables in the annex."""

from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from remnant.base.findings import AuditResults, Finding
from remnant.base.results import FigureView, Section, TableView
from remnant.base.terms import LIMITS, capital, changed_afterwards
from remnant.report.audit_rows import (
    AUCS,
    MOST_CURVES,
    MOST_DRAWN,
    by_strength,
    control_rows,
    curve_rows,
    finding_rows,
    fold_curve_rows,
    forest_rows,
    limit_rows,
    name_of,
    with_attacks,
)
from remnant.report.chapters import Chapter, Chapters
from remnant.report.finding_words import finding_sentence, outcome_sentence

MOST_ROWS = 15  # of a table outside the annex
VALUE = "{value} [{low}, {high}]"
FINDINGS = TableView(
    name="strongest",
    caption="By chance: what no exposure gives. p is after Holm for all tests: two-sided of an AUC and of fold ranks, else "
    "one-sided. Exposed takes 0.01 at most.",
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
    caption="All findings. Lower bound: the interval's end that holds for all findings together and is held against limits.",
    columns={
        "name": "Attack",
        # Before what a narrow window hides at the right.
        "outcome": "Outcome",
        "criterion": "Criterion",
        "group": "Groups",
        "counts": "Patients",
        "statistic": "Statistic",
        VALUE: "Value [95% interval]",
        "bound_low": "Lower bound",
        "null": "By chance",
        "p": "p, before Holm",
        "adjusted_p": "p",
        "{detectable:.2f}": "Detectable",
        "primary": "Primary",
    },
)
CONTROLS = TableView(
    name="controls",
    caption="A control is a measurement whose answer is known if all is as it should be.",
    columns={
        "name": "Control",
        "statistic": "Statistic",
        VALUE: "Value [95% interval]",
        "p": "p",
        "n": "Patients",
        "outcome": "Outcome",
    },
)
BALANCE = TableView(
    name="balance",
    caption="Traits of members and non-members; difference in standard deviations. Chance sets groups of few apart, too: whether "
    "it is more than that, the blind baseline tells.",
    columns={
        "trait": "Trait",
        "members": "Members",
        "non_members": "Non-members",
        "members_known": "Members known",
        "non_members_known": "Non-members known",
        "difference": "Difference",
        "apart": "Apart",
    },
)

ATTRIBUTES = TableView(
    name="attributes",
    caption="Read of patients that the reader did not learn on. Guessed: the commonest for everybody, and of ages their mean.",
    columns={
        "attribute": "Attribute",
        "view": "Read from",
        "group": "Group",
        "n": "Patients",
        "{accuracy_balanced} [{low}, {high}]": "Balanced accuracy [95% interval]",
        "accuracy": "Accuracy",
        "guess_accuracy": "Accuracy, guessed",
        "{mae:.1f}": "Error in years",
        "{guess_mae:.1f}": "Error in years, guessed",
    },
)


@dataclass(frozen=True)
class Evidence:
    """The chapters of the evidence and of the annex, and the annex's whole tables by title."""

    chapters: list[Chapter]
    annex: list[Chapter]
    longer: list[tuple[str, Markup]]


def evidence_of(run: Path, results: AuditResults) -> Evidence:
    """Draw the figures into RUN/figures and return the chapters."""
    strongest = by_strength(results, results.findings)[:MOST_ROWS]
    tables = {
        **results.tables,
        "strongest": finding_rows(strongest),
        "findings": finding_rows(results.findings),
        "controls": control_rows(results.controls),
        "forest": forest_rows(results),
        "limits_held": limit_rows(results),
        "roc": curve_rows(results),
        "fold_curve": fold_curve_rows(results),
    }
    chapters = Chapters(run, tables, most_rows=MOST_ROWS)
    shown = [chapters.chapter(section) for section in [*_own(results, tables), *map(_drawn, results.sections)]]
    chapters.most_rows = None
    annex = [chapters.chapter(Section(title="All findings", table=ALL_FINDINGS))] if results.findings else []
    if results.tables.get("balance"):
        annex.append(chapters.chapter(Section(title="Balance of the groups", table=BALANCE)))
    return Evidence(shown, annex, [(title, chapters.whole(table)) for title, table in chapters.longer])


def _own(results: AuditResults, tables: dict) -> list[Section]:
    """The chapters that every audit has, each where there is something to show."""
    judged = results.verdict.judged
    sections = [
        Section(
            title="Verdict and limits",
            text=[f"{capital(LIMITS[one.limit])}: {one.ruling}. {one.sentence}" for one in judged]
            + changed_afterwards(results)
            + with_attacks(
                [one for one in results.verdict.reasons if one not in {held.sentence for held in judged}],
                results.controls,
            ),
            figures=_figure(
                tables["limits_held"],
                "limits",
                "limits_held",
                "What was found, held against the limits, beyond chance.",
            ),
        )
    ]
    if results.findings:
        strongest = by_strength(results, results.findings)[:MOST_ROWS]
        more = len(results.findings) - len(strongest)
        # A sentence for the strongest of each attack; the table below them has the others.
        of_each: dict[str, Finding] = {}
        for one in strongest:
            of_each.setdefault(one.attack, one)
        sections.append(
            Section(
                title="Findings",
                text=[
                    f"{finding_sentence(one, name_of(one, results.findings))} {outcome_sentence(one)}".strip()
                    for one in of_each.values()
                ]
                + ([f"{more} more findings, weaker than these, stand in the annex."] if more else []),
                figures=_figure(tables["forest"], "forest", "audit_forest", _forest_caption(results)),
                table=FINDINGS,
            )
        )
    if tables["roc"]:
        kept = (
            f" The {MOST_CURVES} strongest attacks are shown."
            if len(results.tables["roc"]) > len(tables["roc"])
            else ""
        )
        caption = f"ROC curves of members against non-members.{kept}"
        sections.append(Section(title="ROC curves", figures=_figure(tables["roc"], "roc", "roc_curves", caption)))
    if tables.get("attributes"):
        sections.append(Section(title="Age and sex", table=ATTRIBUTES))
    sections.append(
        Section(
            title="Controls",
            text=with_attacks(list(dict.fromkeys(one.sentence for one in results.controls)), results.controls)
            or ["No control was run."],
            table=CONTROLS if results.controls else None,
        )
    )
    return sections


def _drawn(section: Section) -> Section:
    """The section, with a figure before the power of the fold-rank test."""
    if section.table is None or section.table.name != "fold_power" or section.figures:
        return section
    caption = "How likely a leak is seen in all folds together, by its size. The bar: what 80% power would have shown."
    return section.model_copy(update={"figures": [FigureView(name="fold-power", kind="fold_power", caption=caption)]})


def _figure(rows: list, name: str, kind: str, caption: str) -> list[FigureView]:
    return [FigureView(name=name, kind=kind, caption=caption)] if rows else []


def _forest_caption(results: AuditResults) -> str:
    drawn = sum(one.statistic in AUCS and one.value is not None for one in results.findings)
    cut = f" The {MOST_DRAWN} strongest of {drawn} are shown." if drawn > MOST_DRAWN else ""
    return f"AUC of every attack, and below the rule of the controls. Detectable: what 80% power would have shown.{cut}"
