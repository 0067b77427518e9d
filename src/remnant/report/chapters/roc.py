"""The ROC curves of the attacks."""

from remnant.base.findings import AuditResults
from remnant.base.results import Section
from remnant.report.audit_rows import MOST_CURVES, curve_rows
from remnant.report.chapters.part import Part, figure


def roc(results: AuditResults) -> Part | None:
    """The curves of the strongest attacks, where any attack scored patients."""
    rows = curve_rows(results)
    if not rows:
        return None
    kept = f" The {MOST_CURVES} strongest attacks are shown." if len(results.tables["roc"]) > len(rows) else ""
    caption = f"ROC curves of members against non-members.{kept}"
    return Part(Section(title="ROC curves", figures=figure(rows, "roc", "roc_curves", caption)), {"roc": rows})
