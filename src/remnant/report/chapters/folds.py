"""The power of the fold-rank test."""

from remnant.base.findings import AuditResults
from remnant.base.results import FigureView, Section
from remnant.report.audit_rows import fold_curve_rows
from remnant.report.chapters.part import Part


def with_power(results: AuditResults, section: Section) -> Part:
    """A section of results, with a figure before the table of that power."""
    if section.table is None or section.table.name != "fold_power" or section.figures:
        return Part(section)
    caption = "How likely a leak is seen in all folds together, by its size. The bar: what 80% power would have shown."
    drawn = [FigureView(name="fold-power", kind="fold_power", caption=caption)]
    return Part(section.model_copy(update={"figures": drawn}), {"fold_curve": fold_curve_rows(results)})
