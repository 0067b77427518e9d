"""What to do where nothing clears the model: the defences that suit it, what each does and what it costs."""

from remnant.base.findings import AuditResults
from remnant.base.results import Section, TableView
from remnant.base.texts import counted, enumerated
from remnant.report.chapters.part import Part

DEFENCES = TableView(
    name="defences",
    caption="Defences that apply to this network.",
    columns={"words": "Defence", "changes": "Changes", "does": "What it does and costs", "source": "Described by"},
    where={"applies": True},
)


def what_to_do(results: AuditResults) -> Part | None:
    """The defences that apply, and in words why others do not; None where the model is within and nobody is exposed."""
    rows = results.tables.get("defences", [])
    exposed = any(one.outcome == "exposed" for one in results.findings)
    if not rows or (results.verdict.ruling == "within" and not exposed):
        return None
    reasons: dict[str, list[str]] = {}
    for row in rows:
        if not row["applies"]:
            reasons.setdefault(str(row["why"]), []).append(str(row["words"]))
    found = counted(sum(bool(row["applies"]) for row in rows), "defence applies", "defences apply")
    text = [
        f"{found} to this network. Which of them help this model was not measured: audit it again with each.",
        *(f"Not for this network: {enumerated(words)} ({why})." for why, words in reasons.items()),
    ]
    return Part(Section(title="What to do", text=text, table=DEFENCES))
