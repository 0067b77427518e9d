"""Page one of an audit's report, the decision sheet: what the recipient of the audit decides on and signs, on one A4 page.

Whatever is in the results, it fits: names are cut, and of a list so many are shown, "and k more, in the evidence".
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import get_args

from remnant.base.findings import LAYER, TABLE_SHA256, AuditResults, Criterion, Limit
from remnant.base.results import Value
from remnant.base.terms import (
    LIMITS,
    capital,
    changed_afterwards,
    limits_changed,
)
from remnant.base.texts import short
from remnant.report.audit_rows import (
    beyond,
    limit_rows,
    with_attacks,
)
from remnant.report.sheet_results import TEXT, Result, controls_said, result_of
from remnant.report.untested import untested

REASONS, UNTESTED, NOTICES = 3, 3, 2
IN_FULL = " (in full: annex)"
# Characters of what an attack saw, of a name, of where a limit is from, of a line.
VIEW, NAME, ORIGIN, LINE = 76, 60, 70, 110
# Empty without what only the owner knows: a line to fill in by hand.
FILLED_IN = {
    "residual_risk": "Residual risk",
    "valid_until": "Valid until",
    "new_test_when": "New test when",
    "retention": "Retention",
    "contact": "Contact",
}


@dataclass(frozen=True)
class ShownLines:
    """The lines of a list that are shown, and how many are not."""

    lines: list[str]
    more: int = 0


@dataclass(frozen=True)
class Sheet:
    """The sheet's texts. Of `model`, `use` and `filled_in` an empty text is a line to fill in by hand."""

    title: str
    ruling: str
    sentence: str
    reasons: ShownLines
    notices: ShownLines
    model: dict[str, str]
    use: dict[str, str]
    limits: list[dict[str, str]]
    not_asked: str
    criterion: str
    set_on_blank: bool
    results: list[Result]
    controls: str
    untested: ShownLines
    filled_in: dict[str, str] = field(default_factory=dict)


def sheet_of(results: AuditResults) -> Sheet:
    """The decision sheet of an audit."""
    about, verdict = results.about, results.verdict
    return Sheet(
        title=short(results.title, NAME),
        ruling=verdict.ruling,
        sentence=_sentences(verdict.sentence, TEXT),
        reasons=_listed(
            [
                *changed_afterwards(results),
                *map(
                    _whole,
                    with_attacks([one for one in verdict.reasons if one != verdict.sentence], results.controls),
                ),
            ],
            REASONS,
            TEXT,
        ),
        notices=_listed([one for one in results.notices if one not in verdict.reasons], NOTICES, LINE + 20),
        model={
            "Model": short(about.get("model") or results.model.get("name") or "", NAME),
            "Version": short(about.get("version") or results.model.get("version") or "", NAME),
            "Purpose": _cut(about.get("purpose", ""), LINE),
            **_sha256(results),
            **_layer(results),
        },
        use={
            "Recipient": _cut(about.get("recipient", ""), LINE),
            "Scenario": short(f"{capital(results.scenario.name)}. {results.scenario.recipient}", TEXT),
            "Cohort": _cut(about.get("cohort", ""), LINE),
            "Counted": short(counted_patients(results), LINE),
        },
        limits=_limits(results),
        not_asked=", ".join(LIMITS[limit.name] for limit in results.limits if not limit.asked),
        criterion=_criterion(results),
        set_on_blank=not (limits_changed(results) or about.get("criterion_set_on")),
        results=[result_of(criterion, results) for criterion in get_args(Criterion)],
        controls=controls_said(results),
        untested=_listed(untested(results), UNTESTED, TEXT),
        filled_in={name: _cut(about.get(key, ""), TEXT) for key, name in FILLED_IN.items()},
    )


def counted_patients(results: AuditResults) -> str:
    """ "60 members, 60 non-members, besides 10 planted; unit: patient"."""
    cohort = results.cohort
    counts = [
        f"{_thousands(cohort[name])} {name.replace('_', '-')}"
        for name in ("members", "non_members")
        if cohort.get(name)
    ]
    counts += [f"besides {_thousands(cohort['planted'])} planted"] if counts and cohort.get("planted") else []
    counts = counts or [f"{_thousands(cohort[name])} {name}" for name in ("patients",) if name in cohort]
    return "; ".join(filter(None, [", ".join(counts), f"unit: {cohort['unit']}" if cohort.get("unit") else ""]))


def _cut(text: str, characters: int) -> str:
    """What the owner wrote and signs, with a hint where all of it does not fit."""
    return text if len(text) <= characters else short(text, characters - len(IN_FULL)) + IN_FULL


def _listed(lines: Sequence[str], most: int, characters: int) -> ShownLines:
    """As many `lines` as have room, one of them for `characters` and `most` together; a longer one takes that of later ones."""
    shown: list[str] = []
    room = most
    for line in lines:
        # The first is the most important: it is shown, whatever of it there is room for.
        text = line if shown else _sentences(line, most * characters)
        room -= -(-len(text) // characters)
        if room < 0:
            break
        shown.append(text)
    return ShownLines(shown, len(lines) - len(shown))


def _sentences(text: str, characters: int) -> str:
    """The whole sentences at its beginning that have room; of a longer first one whole words."""
    if len(text) <= characters:
        return text
    ends = [found.start() + 1 for found in re.finditer(r"[.?!](?= [A-Z])", text[: characters + 2])]
    return text[: ends[-1]] if ends and ends[-1] <= characters else short(text, characters)


def _layer(results: AuditResults) -> dict[str, str]:
    """Of whose output the latents are, or what else was read; nothing where no layer was."""
    if not (name := results.model.get(LAYER)):
        return {}
    asked = (results.settings.get("target") or {}).get("latents")
    taken = (
        ", the narrowest; `latents` in [target] names another"
        if results.scenario.name == "latents" and not asked
        else ""
    )
    return {"Layer read": f"{short(str(name), NAME)}{taken}"}


def _sha256(results: AuditResults) -> dict[str, str]:
    """Of the model's file, or the table of scores; no line, which nobody can fill in by hand, where neither was handed over."""
    if table := results.model.get(TABLE_SHA256):
        return {"SHA-256": f"{short(str(table), 64)} (table of scores)"}
    told = results.model.get("sha256")
    hashes = [str(told)] if told else list(results.checkpoints.values())
    if len(hashes) > 1:
        return {"SHA-256": f"of {len(hashes)} files, in the annex"}
    return {"SHA-256": short(hashes[0], 64)} if hashes else {}


def _criterion(results: AuditResults) -> str:
    """The heading of the limits: when they were set, and beforehand only where the owner said so before the results."""
    if limits_changed(results):
        return f"Criterion, changed on {results.rescored}, when the results were known"
    day = results.about.get("criterion_set_on", "")
    if not day:
        return "Criterion; it was set on"
    if len(day) == len(audited := results.started[:10]) and day <= audited:
        return f"Criterion, set beforehand on {day}"
    # A day with when it was said is whole; whatever an older version took for a day is one line.
    return f"Criterion, set on {short(day, 66 if day[:4].isdigit() else 30)}"


def _limits(results: AuditResults) -> list[dict[str, str]]:
    rulings = {one.limit: one.ruling for one in results.verdict.judged}
    first = {limit.name: limit for limit in results.first.limits} if results.first else {}
    found = {str(row["limit_name"]): row for row in limit_rows(results)}
    gone = {
        one.limit
        for one in results.verdict.judged
        if one.finding is not None and results.findings[one.finding].outcome is None
    }
    return [
        {
            "name": capital(LIMITS[limit.name]),
            "value": f"{limit.value:.2f}{_before(limit, first.get(limit.name, limit))}",
            "origin": short(capital(limit.origin.removeprefix(f"{limit.value:g}").lstrip(", ")), ORIGIN),
            "found": beyond(found[limit.name]) if limit.name in found else _numberless(limit.name in gone),
            "seen": short(str(found[limit.name]["seen"]), VIEW) if limit.name in found else "",
            "ruling": rulings.get(limit.name, "cannot tell"),
        }
        for limit in results.limits
        if limit.asked
    ]


def _numberless(withheld: bool) -> str:
    return "withheld" if withheld else "not measured"


def _before(limit: Limit, first: Limit) -> str:
    if not first.asked:
        return " (before: not asked)"
    return f" (before: {first.value:.2f})" if first.value != limit.value else ""


def _whole(reason: str) -> str:
    """A reason with its end, which says what to do: of a long one what stands in brackets is in the table beside it."""
    return reason if len(reason) <= TEXT else re.sub(r" \([^()]*\)", "", reason)


def _thousands(value: Value) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)
