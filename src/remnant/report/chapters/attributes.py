"""Age and sex, where an attack read them."""

from remnant.base.findings import AuditResults
from remnant.base.results import Section, TableView
from remnant.report.chapters.part import Part

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


def attributes(results: AuditResults) -> Part | None:
    """How well they were read of each group, beside guessing."""
    return Part(Section(title="Age and sex", table=ATTRIBUTES)) if results.tables.get("attributes") else None
