"""Page one of an audit's report, the decision sheet: what the recipient of the audit decides on and signs, on one A4 page.

Whatever is in the results, it fits: names are cut, and of a list so many are shown, "and k more, in the evidence".
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import get_args

from remnant.base.findings import AuditResults, Criterion, Limit
from remnant.base.results import Value
from remnant.base.terms import (
    LIMITS,
    RELEASE,
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
from remnant.report.sheet_model import LINE, NAME, model_lines
from remnant.report.sheet_results import TEXT, Result, controls_said, result_of
from remnant.report.untested import untested

REASONS, UNTESTED, NOTICES = 3, 3, 2
IN_FULL = " (in full: annex)"
VIEW, ORIGIN = 76, 70  # characters of what an attack saw, of where a limit is from
INSIDE = "In full: it stays in the house, where it is signed."
# A clause with a setting or a command in it, to the end of its sentence, and a sentence that has none before it.
_FOR_ENGINEERS = re.compile(r"(?:[;:]|, (?:or|and)\b)(?:(?!, (?:or|and)\b)[^;:`])*`[^`]*`.*?(?=\.(?: |$))")
# What stands in brackets, and of it what lies beyond chance.
_BRACKETS = re.compile(r" \((?:([^();]* beyond);)?[^()]*\)")
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
    """The sheet's texts.

    `tier`: whether it may leave the house, in words; `signed`: whether it is the one to sign. Of `model`, `use` and `filled_in`
    an empty text is a line to fill in by hand.
    """

    title: str
    tier: str
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
    signed: bool = True
    filled_in: dict[str, str] = field(default_factory=dict)


def sheet_of(results: AuditResults) -> Sheet:
    """The decision sheet of an audit."""
    about, verdict = results.about, results.verdict
    release = [one for one in results.notices if one.startswith(RELEASE)]
    return Sheet(
        title=short(results.title, NAME),
        tier=release[0] if release else INSIDE,
        signed=not release,
        ruling=verdict.ruling,
        sentence=_sentences(verdict.sentence, TEXT),
        reasons=_listed(
            [
                *changed_afterwards(results),
                *_plain(
                    with_attacks([one for one in verdict.reasons if one != verdict.sentence], results.controls),
                ),
            ],
            REASONS,
            TEXT,
        ),
        notices=_listed(
            _plain(one for one in results.notices if one not in (*verdict.reasons, *release)), NOTICES, LINE + 20
        ),
        model={name: _cut(text, LINE) for name, text in model_lines(results).items()},
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
        untested=_listed(_plain(untested(results)), UNTESTED, TEXT),
        filled_in={name: _cut(about.get(key, ""), TEXT) for key, name in FILLED_IN.items()},
    )


def counted_patients(results: AuditResults) -> str:
    """ "60 members, 60 non-members, besides 10 canaries; unit: patient"."""
    cohort = results.cohort
    counts = [
        f"{_thousands(cohort[name])} {name.replace('_', '-')}"
        for name in ("members", "non_members")
        if cohort.get(name)
    ]
    counts += [
        f"besides {_thousands(cohort[name])} {name}" for name in ("planted", "canaries") if counts and cohort.get(name)
    ]
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


def _criterion(results: AuditResults) -> str:
    """The heading of the limits: when they were set, and beforehand only where the owner said so before the results."""
    if limits_changed(results):
        return f"Criterion, changed on {results.rescored}, when the results were known"
    day = results.about.get("criterion_set_on", "")
    if not day:
        return "Criterion; it was set on"
    if len(day) == len(audited := results.started[:10]) and day <= audited:
        others = any(one.limits != results.limits for one in results.tried)
        return f"Criterion, set beforehand on {day}{'; others were tried since' if others else ''}"
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
            "seen": short(str(found[limit.name]["seen"]), VIEW)
            if limit.name in found
            else _judged_by(limit.name in gone),
            "ruling": rulings.get(limit.name, "cannot tell"),
        }
        for limit in results.limits
        if limit.asked
    ]


def _numberless(withheld: bool) -> str:
    return "withheld" if withheld else "not measured"


def _judged_by(withheld: bool) -> str:
    """Behind a number that is not told: that the result is of the evidence, and not of what is hidden."""
    return "the result is by the number itself" if withheld else ""


def _before(limit: Limit, first: Limit) -> str:
    if not first.asked:
        return " (before: none)"
    return f" (before: {first.value:.2f})" if first.value != limit.value else ""


def _plain(texts: Iterable[str]) -> list[str]:
    """The texts for who decides: how to set or run what they name stands in the evidence; where that is all they say, whole.

    Of a long one goes what stands in brackets, which is in the table beside it, so that its end, what to do, has room; but not
    what lies beyond chance, which is the number that the table has.
    """
    found = []
    for text in texts:
        sentences = re.split(r"(?<=\.) (?=[A-Z`])", text)
        kept = [one for one in (_FOR_ENGINEERS.sub("", one) for one in sentences) if "`" not in one]
        plain = " ".join(kept) or text
        found.append(plain if len(plain) <= TEXT else _BRACKETS.sub(_of_chance, plain))
    return found


def _of_chance(found: re.Match[str]) -> str:
    return f" ({found[1]})" if found[1] else ""


def _thousands(value: Value) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)
