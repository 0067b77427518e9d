"""What to do where nothing clears the model: the defences that suit it, what each does and what it costs."""

from collections.abc import Sequence

from remnant.base.findings import AuditResults
from remnant.base.results import Row, Section, TableView
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
    fit = [row for row in rows if row["applies"]]
    text = [
        f"{counted(len(fit), 'defence applies', 'defences apply')} to this network. Which of them help this model was not "
        f"measured: {_measure(fit)}.",
        *(f"Not for this network: {enumerated(words)} ({why})." for why, words in reasons.items()),
    ]
    return Part(Section(title="What to do", text=text, table=DEFENCES))


def _measure(rows: Sequence[Row]) -> str:
    """How to find out which of the defences that apply help; an audit of an earlier version does not know which are tried."""
    tried = sum(bool(row.get("tried")) for row in rows)
    if not tried:
        return "audit it again with each"
    rest = "" if tried == len(rows) else "; with the others audit it again yourself"
    return f"`remnant mitigate RUN` trains it anew under {tried} of them and audits each{rest}"
