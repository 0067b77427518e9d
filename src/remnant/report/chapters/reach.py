"""How far the numbers of so many patients reach: power, rates and epsilons that they allow, what a recipient's guess is worth."""

from remnant.base.findings import AuditResults
from remnant.base.results import Row, Section
from remnant.report.audit_rows import MOST_CURVES, strongest_curves
from remnant.report.chapters.part import Part, figure
from remnant.report.words import number

LOW = 99  # non-members, from which on a false positive rate of 1% is bounded


def reach(results: AuditResults) -> Part | None:
    """The power of the first test and what so many patients allow; None where no test of membership was named before the run."""
    rows = results.tables.get("auc_power", [])
    if not rows or any(row["power"] is None for row in rows):
        return None
    first, last = rows[0], rows[-1]
    text = [
        f"By the test named before the run this audit would have seen an AUC of {number(_float(first, 'detectable'))} four "
        f"times in five. Of {last['times']} times as many patients it would be {number(_float(last, 'detectable'))}.",
        f"{first['non_members']} non-members bound no false positive rate below {_float(first, 'least_fpr'):.2g}, even if none "
        "is taken for a member.",
        *_epsilon(results),
        *_worth(results),
    ]
    caption = (
        "Power of the AUC's test, by the AUC. A dot: what is seen with 80% power, at this test's share of the level."
    )
    return Part(
        Section(
            title="What so many patients can show", text=text, figures=figure(rows, "auc-power", "auc_power", caption)
        )
    )


def low_roc(results: AuditResults) -> Part | None:
    """ROC curves at low false positive rates, or why there are none; None where no attack scored patients."""
    if not results.tables.get("roc"):
        return None
    title = "ROC curves at low false positive rates"
    rows = strongest_curves(results, "roc_low")
    if not rows:
        others = results.cohort.get("non_members")
        few = isinstance(others, int) and others < LOW
        why = (
            f"of {others} non-members none is as low as 1%, which takes {LOW}"
            if few
            else "results.json holds none that may be told"
        )
        return Part(Section(title=title, text=[f"No curve is drawn: {why}."]))
    kept = f" The {MOST_CURVES} strongest attacks are shown." if len(results.tables["roc_low"]) > len(rows) else ""
    caption = f"Both axes logarithmic. Shaded: the 95% interval of the first.{kept}"
    return Part(Section(title=title, figures=figure(rows, "roc-low", "low_roc_curves", caption)), {"roc_low": rows})


def _epsilon(results: AuditResults) -> list[str]:
    ceilings = [row["epsilon_high"] for row in results.tables.get("epsilon", []) if row.get("epsilon_high")]
    if not ceilings:
        return []
    return [
        f"No epsilon above {number(max(map(float, ceilings)))} could be shown of so many patients, if each was told rightly."
    ]


def _worth(results: AuditResults) -> list[str]:
    """The positive predictive value in a sentence, by the base rate that the owner set or by some that nobody did."""
    rows = [row for row in results.tables.get("guess_worth", []) if row["value"] is not None]
    if not rows:
        return []
    rate = f"{_float(rows[0], 'fpr'):.0%}"
    if rows[0]["set"]:
        return [
            f"If {_share(rows[0])} of those who are asked about are members, {_value(rows[0])} of those told at a false positive "
            f"rate of {rate} are (positive predictive value)."
        ]
    said = "; ".join(f"if {_share(row)}, {_value(row)}" for row in rows)
    return [
        "How many of those who are asked about are members nobody has set (`base_rate`).",
        f"Share of members among those told at a false positive rate of {rate} (positive predictive value): {said}.",
    ]


def _share(row: Row) -> str:
    return f"{_float(row, 'base_rate'):.2g}"


def _value(row: Row) -> str:
    ends = [row["low"], row["high"]]
    interval = "" if None in ends else f" [{', '.join(number(float(end)) for end in ends if end is not None)}]"
    return f"{number(_float(row, 'value'))}{interval}"


def _float(row: Row, name: str) -> float:
    value = row[name]
    assert isinstance(value, int | float)
    return float(value)
