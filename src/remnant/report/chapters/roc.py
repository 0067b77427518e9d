"""The ROC curves of the attacks."""

from remnant.base.findings import AuditResults
from remnant.base.results import Section
from remnant.base.terms import RELEASE
from remnant.report.audit_rows import MOST_CURVES, strongest_curves
from remnant.report.chapters.part import Part, figure


def roc(results: AuditResults) -> Part | None:
    """The curves of the strongest attacks, or why there are none; None where no attack scored patients."""
    rows = strongest_curves(results)
    if not any(one.statistic == "auc" for one in results.findings) and not rows:
        return None
    if not rows:
        withheld = any(one.startswith(RELEASE) for one in results.notices)
        why = (
            f"every one has a point of fewer than {results.minimum_cell} patients, and is withheld"
            if withheld
            else "results.json holds none"
        )
        return Part(Section(title="ROC curves", text=[f"No curve is drawn: {why}."]))
    kept = f" The {MOST_CURVES} strongest attacks are shown." if len(results.tables["roc"]) > len(rows) else ""
    caption = f"ROC curves of members against non-members.{kept}"
    return Part(Section(title="ROC curves", figures=figure(rows, "roc", "roc_curves", caption)), {"roc": rows})
