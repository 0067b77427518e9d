"""The controls: measurements whose answer is known if all is as it should be."""

from remnant.base.findings import AuditResults
from remnant.base.results import Section, TableView
from remnant.report.audit_rows import control_rows, with_attacks
from remnant.report.chapters.part import VALUE, Part

CONTROLS = TableView(
    name="controls",
    caption="A control is a measurement whose answer is known if all is as it should be. –: not of this control.",
    columns={
        "name": "Control",
        "statistic": "Statistic",
        VALUE: "Value [95% interval]",
        "p": "p",
        "n": "Patients",
        "outcome": "Outcome",
    },
)


# Of few patients a classifier that knows nothing is wrong more often than right of those whom it did not learn from.
BELOW = (
    "A blind baseline with an AUC below 0.50 guesses, and wrongly: it passes, since it does not know the groups apart."
)


def _caption(results: AuditResults) -> str:
    below = any(
        one.kind == "blind" and one.passed and one.statistic == "auc" and one.value is not None and one.value < 0.45
        for one in results.controls
    )
    return f"{CONTROLS.caption} {BELOW}" if below else CONTROLS.caption


def controls(results: AuditResults) -> Part:
    """The outcome of each in a sentence, and a table."""
    said = list(dict.fromkeys(one.sentence for one in results.controls))
    section = Section(
        title="Controls",
        text=with_attacks(said, results.controls) or ["No control was run."],
        table=CONTROLS.model_copy(update={"caption": _caption(results)}) if results.controls else None,
    )
    return Part(section, {"controls": control_rows(results.controls)})
