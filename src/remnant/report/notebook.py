"""Results of an audit in a notebook: the findings as a data frame, and a page that the notebook shows."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from remnant.base.findings import AuditResults, Finding
from remnant.base.terms import DECISION_SUPPORT
from remnant.report.audit_rows import by_strength, finding_rows
from remnant.report.evidence import FINDINGS, MOST_ROWS
from remnant.report.sheet import sheet_of
from remnant.report.tables import build, to_html
from remnant.report.templates import fill

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class NotebookView:
    """An audit's results as the last line of a notebook's cell: verdict, limits, and the strongest findings."""

    results: AuditResults

    def _repr_html_(self) -> str:
        rows = finding_rows(by_strength(self.results, self.results.findings)[:MOST_ROWS])
        return fill(
            "notebook.html",
            styles=("notebook.css",),
            sheet=sheet_of(self.results),
            table=to_html(build(rows, FINDINGS), "Findings"),
            decision_support=DECISION_SUPPORT,
        )


def findings_frame(results: AuditResults) -> "pd.DataFrame":
    """One row a finding, in the order of results.json, a column each of its fields; what was not measured is missing."""
    import pandas as pd

    return pd.DataFrame([finding.model_dump() for finding in results.findings], columns=list(Finding.model_fields))
