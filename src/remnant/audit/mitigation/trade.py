"""What each defence stops and what it costs: a row a training, and what the rows say."""

from collections.abc import Mapping, Sequence
from typing import Any

from remnant.audit.findings.compare import PAIRED_RESAMPLES, comparison_rows, of_patients, of_scores, shown_together
from remnant.audit.findings.rows import interval_columns
from remnant.audit.mitigation.attempts import NONE, Attempt
from remnant.audit.mitigation.utility import Utility
from remnant.audit.several.differences import interval_said, seen_said
from remnant.audit.several.finished import FinishedAudit
from remnant.base.findings import Finding
from remnant.base.results import Row
from remnant.base.seeds import Seeds
from remnant.base.terms import CLAIMS, called, capital, minus
from remnant.base.texts import enumerated
from remnant.measure.intervals import Interval

TABLE = "mitigation"
WITHHELD = "withheld"
# What a withheld row says nothing of.
ATTACKED = ("attack", "view", "value", "low", "high", "membership", "membership_low", "membership_high")
JUDGED = ("holm_p", "holm_p_bound", "shown")
COMPARED = ("difference", "low", "high", "p", "p_bound", "detectable", *JUDGED)


def trade_rows(
    attempts: Sequence[Attempt],
    audits: Mapping[str, FinishedAudit],
    worth: Mapping[str, Utility],
    cells: Mapping[str, dict[str, Any]],
    seeds: Seeds,
) -> list[Row]:
    """A row an attempt, that without a defence first: the strongest membership attack, the one that was named before the run
    with its difference to no defence by patient, the task on non-members, and seconds of training.

    Of a defence whose network is of less use than `Utility.too_low` asks the attacks are withheld: `withheld` says why.
    """
    base, plain = audits[NONE], worth[NONE]
    low = {one.name: worth[one.name].too_low(plain) for one in attempts}
    key = base.named
    compared = [
        (
            {"defence": one.name},
            of_scores(audits[one.name].scored[key], base.scored[key], seeds.child(one.name), PAIRED_RESAMPLES),
        )
        for one in attempts
        if one.parts and not low[one.name] and key in audits[one.name].scored and key in base.scored
    ]
    differences = {row["defence"]: row for row in comparison_rows(compared)}
    rows = []
    for one in attempts:
        audit, own, told = audits[one.name], worth[one.name], differences.get(one.name, {})
        strongest, named = _strongest(audit), _named(audit, key)
        cohort = audit.results.cohort
        paid = of_patients(own.by_patient, plain.by_patient, seeds.child("utility", one.name))
        row: Row = {
            "defence": one.name,
            "words": one.words,
            "patients": cohort.get("patients"),
            "members": cohort.get("members"),
            "non_members": cohort.get("non_members"),
            "attack": strongest and strongest.attack,
            "view": strongest and strongest.view,
            **_ends("value", strongest),
            "named": key[0] if key else None,
            **_ends("membership", named),
            **{f"lowered_{name}" if name in ("low", "high") else name: told.get(name) for name in COMPARED},
            "measure": own.measure,
            **interval_columns("utility", Interval(own.value, own.low, own.high, len(own.by_patient))),
            **interval_columns("change", Interval(paid.difference, paid.low, paid.high, paid.n)),
            "seconds": round(float(cells[one.name]["training_seconds"]), 2),
            "whole_seconds": round(float(cells[one.name]["seconds"]), 2),
            "cpu_seconds": round(float(cells[one.name]["cpu_seconds"]), 2),
            "times": round(cells[one.name]["training_seconds"] / max(1e-9, cells[NONE]["training_seconds"]), 2),
            "exposed": enumerated(_exposed(audit)) or "nothing",
            "gone": enumerated([called(name) for name in base.ran if name not in audit.ran]),
            "ruling": audit.results.verdict.ruling,
            "withheld": low[one.name],
        }
        if low[one.name]:
            row |= dict.fromkeys((*ATTACKED, "gone")) | {"exposed": WITHHELD, "ruling": WITHHELD, "shown": WITHHELD}
        rows.append(row)
    return rows


def judged_together(rows: Sequence[Row]) -> list[Row]:
    """The rows of several networks, with p after Holm for all of them together in the place of those of each alone."""
    tested = [row for row in rows if row["p"] is not None]
    again = shown_together(
        [
            {"n": row["patients"], "low": row["lowered_low"], "high": row["lowered_high"]}
            | {name: row[name] for name in ("p", "p_bound")}
            for row in tested
        ]
    )
    told = {id(row): found for row, found in zip(tested, again, strict=True)}
    return [row | {name: told[id(row)][name] for name in JUDGED} if id(row) in told else row for row in rows]


def _strongest(audit: FinishedAudit) -> Finding | None:
    """The membership attack and view with the highest AUC."""
    found = [one for one in audit.results.findings if one.statistic == "auc" and one.value is not None]
    return max(found, key=lambda one: one.value or 0.0, default=None)


def _named(audit: FinishedAudit, key: tuple[str, ...]) -> Finding | None:
    of = [one for one in audit.results.findings if one.statistic == "auc" and (one.attack, one.view) == key]
    return next(iter(of), None)


def _ends(name: str, found: Finding | None) -> Row:
    before = "" if name == "value" else f"{name}_"
    return {
        name: found and found.value,
        f"{before}low": found and found.low,
        f"{before}high": found and found.high,
    }


def _exposed(audit: FinishedAudit) -> list[str]:
    """What comes out exposed, in words."""
    claims = {one.claim for one in audit.results.findings if one.outcome == "exposed"}
    return [words for claim, words in CLAIMS.items() if claim in claims]


def said(row: Row, attack: str) -> str:
    """One row of a defence in one sentence: what it stops, what it does not, what it costs; `attack`: that named before the
    run."""
    words = capital(str(row["words"]))
    if row["withheld"]:
        return f"{words}: withheld, since {row['withheld']}; a network that learned little leaks little."
    return f"{words}: {_stops(row, attack)}; {_leaves(row)}; {_costs(row)}."


def _stops(row: Row, attack: str) -> str:
    if row["shown"] is None:
        return f"{attack} can no longer be run on it"
    told = {"low": row["lowered_low"], "high": row["lowered_high"], "difference": row["difference"]}
    if row["shown"] in ("lower", "higher"):
        return f"it changes the AUC of {attack} by {interval_said(told)}"
    if row["shown"] == "too few patients":
        return f"too few patients to tell what it does to {attack}"
    seen = f", {known}" if (known := seen_said(row)) else ""
    return f"no effect on {attack} was shown ({interval_said(told)}{seen})"


def _leaves(row: Row) -> str:
    gone = f", and {row['gone']} no longer applies" if row["gone"] else ""
    if row["exposed"] == "nothing":
        return f"nothing comes out exposed, which by itself clears nobody{gone}"
    return f"{row['exposed']} still exposed{gone}"


def _costs(row: Row) -> str:
    ends = {"difference": row["change"], "low": row["change_low"], "high": row["change_high"]}
    took = minus(f"{float(row['times'] or 0):.1f}")
    return f"{row['measure']} changes by {interval_said(ends)}, and training takes {took} times as long"
