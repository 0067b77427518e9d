"""What adjusting for many tests comes to, by Holm's sum and by dealing the patients of all of them together."""

from typing import cast

from remnant.base.findings import AuditResults, Statistic
from remnant.base.results import Section, TableView
from remnant.base.terms import STATISTICS
from remnant.report.chapters.part import Part

JOINTLY = TableView(
    name="joint_tests",
    caption="p of tests on the same patients. Jointly: how often any test still in question falls so low when the patients are "
    "dealt anew (Westfall and Young 1993). The findings and the verdict take it.",
    columns={
        "attack": "Attack",
        "view": "View",
        "statistic": "Statistic",
        "p": "p",
        "holm_p": "Holm",
        "joint_p": "Jointly",
    },
)


def jointly(results: AuditResults) -> Part | None:
    """A row a test; None where no tests were dealt together."""
    rows = [
        row | {"statistic": STATISTICS[cast(Statistic, row["statistic"])]} for row in results.tables.get("joint_p", [])
    ]
    return Part(Section(title="p, each by itself and jointly", table=JOINTLY), {"joint_tests": rows}) if rows else None
