"""What each attack finds of one model beyond another, patient by patient: rows of differences, and what they say."""

from collections.abc import Sequence

import numpy as np

from remnant.audit.findings.compare import PAIRED_RESAMPLES, Comparison, comparison_rows, of_pairs, of_scores
from remnant.audit.findings.pairs import Paired
from remnant.audit.several.finished import FinishedAudit
from remnant.base.results import Row
from remnant.base.seeds import Seeds
from remnant.base.terms import called
from remnant.report.words import number

SAYS = {"lower": "leaks less than", "higher": "leaks more than"}


def difference_rows(first: FinishedAudit, others: Sequence[FinishedAudit], seeds: Seeds) -> list[Row]:
    """A row for each of the `others` and each attack and view that both have: AUC of it minus that of the `first`, paired by
    patient, or by pair of scans. `primary`: named before the first was run; `holm_p` is for all of these together, and for all
    others together."""
    compared: list[tuple[Row, Comparison]] = []
    for place, other in enumerate(others):
        branch = seeds.child("several", place)
        for key, scores in other.scored.items():
            if key not in first.scored:
                continue
            attack, view = key
            of = {"run": other.name, "attack": attack, "view": view, "where": "", "primary": key == first.named}
            draw = branch.child(*key)
            compared.append((of, of_scores(scores, first.scored[key], draw, PAIRED_RESAMPLES)))
        for key, pairs in other.paired.items():
            if key not in first.paired or not _same_pairs(pairs, first.paired[key]):
                continue
            attack, view, where, adversary = key
            of = {"run": other.name, "attack": attack, "view": f"{view}, {called(adversary)}", "where": where}
            compared.append((of | {"primary": False}, of_pairs(pairs, first.paired[key], branch.child(*key))))
    # What was named beforehand does not pay for how many others are looked at.
    named, rest = ([one for one in compared if one[0]["primary"] == primary] for primary in (True, False))
    return [*comparison_rows(named), *comparison_rows(rest)]


def _same_pairs(one: Paired, other: Paired) -> bool:
    return bool(np.array_equal(one.patients, other.patients))


def difference_said(row: Row, first: str) -> str:
    """One row in a sentence: `first` is what its run was held against."""
    run, by = row["run"], f"by {called(str(row['attack']))}, {row['view']}"
    if row["shown"] in SAYS:
        return f"{run} {SAYS[str(row['shown'])]} {first}: the AUC differs by {interval_said(row)}, {by}."
    if row["shown"] == "too few patients":
        return f"Too few patients to tell whether {run} leaks less than {first}, {by}."
    seen = f"; {told}" if (told := seen_said(row)) else ""
    return f"No difference between {run} and {first} was shown: {interval_said(row)}, {by}{seen}."


def seen_said(row: Row) -> str:
    """The difference that would have been seen, as "0.12 would have been seen"; empty where nobody knows."""
    if row["detectable"] is None:
        return ""
    value = float(row["detectable"])
    return f"{number(value, spec='.3f' if value < 0.01 else '.2f')} would have been seen"


def interval_said(row: Row) -> str:
    """The difference of a row with its interval, as "−0.12 [−0.20, −0.04]"."""
    names = ("difference",) if row["low"] is None else ("difference", "low", "high")
    value, *ends = (number(float(row[name]), spec="+.2f") for name in names)
    return f"{value} [{', '.join(ends)}]" if ends else value
