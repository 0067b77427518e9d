"""What the audit remarks of data and model, whole: page one has room for the first of it."""

from remnant.base.findings import AuditResults
from remnant.base.results import Section
from remnant.report.chapters.part import Part


def remarks(results: AuditResults) -> Part | None:
    """Every remark."""
    return Part(Section(title="Remarks", text=results.notices)) if results.notices else None
