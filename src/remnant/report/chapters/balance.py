"""How alike members and non-members are in what is known of them."""

from remnant.base.findings import AuditResults
from remnant.base.results import Section, TableView
from remnant.report.chapters.part import Part

BALANCE = TableView(
    name="balance",
    caption="Traits of members and non-members; difference in standard deviations. Chance sets groups of few apart, too: whether "
    "it is more than that, the blind baseline tells.",
    columns={
        "trait": "Trait",
        "members": "Members",
        "non_members": "Non-members",
        "members_known": "Members known",
        "non_members_known": "Non-members known",
        "difference": "Difference",
        "apart": "Apart",
    },
)


def balance(results: AuditResults) -> Part | None:
    """A row a trait."""
    return Part(Section(title="Balance of the groups", table=BALANCE)) if results.tables.get("balance") else None
