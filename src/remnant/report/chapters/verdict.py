"""The verdict and its reasons, and what was found beside the limits."""

from remnant.base.findings import AuditResults
from remnant.base.results import Section
from remnant.base.terms import LIMITS, capital, changed_afterwards
from remnant.report.audit_rows import limit_rows, with_attacks
from remnant.report.chapters.part import Part, figure


def verdict(results: AuditResults) -> Part:
    """Each limit with its ruling, then the other reasons."""
    judged, rows = results.verdict.judged, limit_rows(results)
    told = {one.sentence for one in judged}
    section = Section(
        title="Verdict and limits",
        text=[f"{capital(LIMITS[one.limit])}: {one.ruling}. {one.sentence}" for one in judged]
        + changed_afterwards(results)
        + with_attacks([one for one in results.verdict.reasons if one not in told], results.controls),
        figures=figure(rows, "limits", "limits_held", "What was found, held against the limits, beyond chance."),
    )
    return Part(section, {"limits_held": rows})
