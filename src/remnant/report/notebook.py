"""Results of an audit in a notebook: the findings as a data frame, and a page that the notebook shows."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from remnant.base.findings import AuditResults, Finding
from remnant.base.terms import DECISION_SUPPORT, changed_afterwards
from remnant.base.texts import counted
from remnant.report.audit_rows import by_strength, control_rows, finding_rows
from remnant.report.chapters.controls import CONTROLS
from remnant.report.chapters.findings import FINDINGS
from remnant.report.sheet import sheet_of
from remnant.report.tables import MOST_ROWS, build, to_html
from remnant.report.templates import fill
from remnant.report.untested import untested

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class NotebookView:
    """An audit's results as the last line of a notebook's cell: verdict and reasons, limits, controls, the strongest findings,
    and what was not tested; in two lines where no page is shown."""

    results: AuditResults

    def __repr__(self) -> str:
        verdict, findings = self.results.verdict, self.results.findings
        exposed = sum(finding.outcome == "exposed" for finding in findings)
        counts = f"{counted(len(findings), 'finding')}, {exposed} exposed"
        return f"<Audit: {verdict.ruling}; {counts}>\n{verdict.sentence}"

    def _repr_html_(self) -> str:
        results = self.results
        rows = finding_rows(by_strength(results, results.findings)[:MOST_ROWS])
        # Of a limit that nothing measured the table has no number, and the mend is in a sentence.
        unmeasured = [one.sentence for one in results.verdict.judged if one.finding is None]
        reasons = dict.fromkeys([*changed_afterwards(results), *results.verdict.reasons, *unmeasured, *results.notices])
        return fill(
            "notebook.html",
            styles=("notebook.css",),
            verdict=results.verdict,
            reasons=[one for one in reasons if one != results.verdict.sentence],
            limits=sheet_of(results).limits,
            controls=to_html(build(control_rows(results.controls), CONTROLS), "Controls") if results.controls else "",
            findings=to_html(build(rows, FINDINGS), "Findings"),
            untested=untested(results),
            decision_support=DECISION_SUPPORT,
        )


def findings_frame(results: AuditResults) -> "pd.DataFrame":
    """One row a finding, in the order of results.json, a column each of its fields; what was not measured is missing."""
    import pandas as pd

    return pd.DataFrame([finding.model_dump() for finding in results.findings], columns=list(Finding.model_fields))
