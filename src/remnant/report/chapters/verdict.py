"""The verdict and its reasons, and what was found beside the limits."""

from remnant.base.findings import AuditResults, Judged
from remnant.base.results import Row, Section
from remnant.base.terms import LIMITS, capital, changed_afterwards
from remnant.base.texts import enumerated
from remnant.report.audit_rows import limit_rows, with_attacks
from remnant.report.chapters.part import Part, figure

# The order of `audit.verdict.judge.judged`.
CHOSEN = (
    "Of several findings of one statistic one is held against the limit: an exposed one that lies above it, else the one "
    "whose interval reaches highest. Wherever that is within, the others are."
)


def verdict(results: AuditResults) -> Part:
    """Each limit with its ruling, then the other reasons."""
    judged, rows = results.verdict.judged, limit_rows(results)
    told = {one.sentence for one in judged}
    several = any(
        sum(one.statistic == limit.statistic for one in results.findings) > 1 for limit in results.limits if limit.asked
    )
    section = Section(
        title="Verdict and limits",
        text=[f"{capital(LIMITS[one.limit])}: {one.ruling}. {one.sentence}" for one in judged]
        + ([CHOSEN] if several else [])
        + changed_afterwards(results)
        + with_attacks([one for one in results.verdict.reasons if one not in told], results.controls),
        figures=figure(rows, "limits", "limits_held", _caption(results, rows)),
    )
    return Part(section, {"limits_held": rows})


def _caption(results: AuditResults, rows: list[Row]) -> str:
    """With the limits that the figure cannot show."""
    drawn = {row["limit_name"] for row in rows}
    gone = [one for one in results.verdict.judged if one.limit not in drawn]
    why = {
        one.limit: "withheld" if one.finding is not None and _withheld(results, one) else "not measured" for one in gone
    }
    lacking = enumerated([f"{LIMITS[limit]} ({said})" for limit, said in why.items()])
    return f"What was found, held against the limits, beyond chance.{f' Not drawn: {lacking}.' if lacking else ''}"


def _withheld(results: AuditResults, judged: Judged) -> bool:
    return judged.finding is not None and results.findings[judged.finding].outcome is None
