"""Page one of an audit's report, the decision sheet: what the recipient of the audit decides on and signs, on one A4 page.

Whatever is in the results, it fits: names are cut, and of a list so many are shown, "and k more, in the evidence".
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import get_args

from remnant.base.findings import LAYER, TABLE_SHA256, AttackRun, AuditResults, Criterion, Finding, Limit
from remnant.base.results import Value
from remnant.base.terms import (
    CLAIMS,
    CRITERIA,
    ELSEWHERE,
    LIMITS,
    OF_CODES,
    by_chance,
    called,
    capital,
    changed_afterwards,
    limits_changed,
    measured,
    seen_by,
    statistic_of,
    would_have_been_seen,
)
from remnant.base.texts import enumerated, short
from remnant.report.audit_rows import (
    LONGEST,
    beyond,
    control_kind,
    control_outcome,
    limit_rows,
    strongest_of,
    with_attacks,
)

REASONS, UNTESTED, NOTICES = 3, 3, 2
IN_FULL = " (in full: annex)"
# Characters of what an attack saw, of a name, of where a limit is from, of a line, of two or three.
VIEW, NAME, ORIGIN, LINE, TEXT = 42, 60, 70, 110, 190
CRITERION_OF = {"rank1": "singling out", "verification_auc": "linkability"}  # of a limit's statistic; else inference
# Empty without what only the owner knows: a line to fill in by hand.
FILLED_IN = {
    "residual_risk": "Residual risk",
    "valid_until": "Valid until",
    "new_test_when": "New test when",
    "retention": "Retention",
    "contact": "Contact",
}


@dataclass(frozen=True)
class Listed:
    """The lines of a list that are shown, and how many are not."""

    lines: list[str]
    more: int = 0


@dataclass(frozen=True)
class Result:
    """What was found of one of the three criteria: a number with its interval, or why there is none."""

    criterion: Criterion
    sentence: str
    outcome: str


@dataclass(frozen=True)
class Sheet:
    """The sheet's texts. Of `model`, `use` and `filled_in` an empty text is a line to fill in by hand."""

    title: str
    ruling: str
    sentence: str
    reasons: Listed
    notices: Listed
    model: dict[str, str]
    use: dict[str, str]
    limits: list[dict[str, str]]
    not_asked: str
    criterion: str
    set_on_blank: bool
    results: list[Result]
    controls: str
    untested: Listed
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
            "SHA-256": _sha256(results),
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
        results=[_result(criterion, results) for criterion in get_args(Criterion)],
        controls=_controls(results),
        untested=_listed(untested(results), UNTESTED, TEXT),
        filled_in={name: _cut(about.get(key, ""), TEXT) for key, name in FILLED_IN.items()},
    )


def untested(results: AuditResults) -> list[str]:
    """What was not tested and why, a sentence each, what the attacks that were run do not see first."""
    missing = [attack for attack in results.scenario.attacks if not attack.run]
    return results.not_tested + [_not_run(alike) for alike in _by_reason(missing)]


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


def _listed(lines: Sequence[str], most: int, characters: int) -> Listed:
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
    return Listed(shown, len(lines) - len(shown))


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


def _sha256(results: AuditResults) -> str:
    """Of the model's file, or the table of scores; empty where neither was handed over, or several were."""
    if table := results.model.get(TABLE_SHA256):
        return f"{short(str(table), 64)} (table of scores)"
    told = results.model.get("sha256")
    hashes = [str(told)] if told else list(results.checkpoints.values())
    return short(hashes[0], 64) if len(hashes) == 1 else ""


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


def _result(criterion: Criterion, results: AuditResults) -> Result:
    """The finding that stands for a criterion, or why there is none."""
    found = [one for one in results.findings if one.criterion == criterion]
    if found:
        first = strongest_of(results, found)
        return Result(criterion, _found(first, results.findings), first.outcome or "withheld")
    missing = [
        one
        for one in results.scenario.attacks
        if not one.run and one.claim and CRITERIA[one.claim] == criterion and not one.why.startswith(OF_CODES)
    ]
    # What the recipient does not see says less of this audit than what it lacks.
    missing.sort(key=lambda one: one.why.startswith(ELSEWHERE))
    if missing:
        return Result(criterion, short(_not_run(_by_reason(missing)[0]), TEXT), "not tested")
    asked = any(limit.asked for limit in results.limits if CRITERION_OF.get(limit.statistic, "inference") == criterion)
    why = "No attack that measures it was run." if asked else "No limit asks for it, and no attack measured it."
    return Result(criterion, why, "not tested")


def _controls(results: AuditResults) -> str:
    """Every control by its outcome, what did not pass first: "Passed: planted members (output, gradient)".

    Why silence clears nobody where there is none.
    """
    by_outcome: dict[str, dict[str, dict[str, None]]] = {}
    for control in sorted(results.controls, key=lambda one: (one.passed is True, one.passed is None)):
        of = by_outcome.setdefault(control_outcome(control), {}).setdefault(control_kind(control), {})
        of[called(control.attack)] = None
    told: list[tuple[str, str]] = []
    for outcome, kinds in by_outcome.items():
        # A control of all attacks on membership names none of them.
        told += [
            (
                outcome,
                short(
                    kind if list(of) == [""] else f"{kind} ({', '.join(each or 'membership' for each in of)})", LONGEST
                ),
            )
            for kind, of in kinds.items()
        ]
    if not told:
        return "None was run, so that silence would clear nobody."
    shown = next(count for count in range(len(told), -1, -1) if len(_by_outcome(told, count)) <= TEXT)
    return _by_outcome(told, shown)


def _by_outcome(told: Sequence[tuple[str, str]], shown: int) -> str:
    """The first so many of the controls, each an outcome and a name, and how many there are besides."""
    names: dict[str, list[str]] = {}
    for outcome, name in told[:shown]:
        names.setdefault(outcome, []).append(name)
    parts = [f"{outcome}: {'; '.join(of)}" for outcome, of in names.items()]
    if more := len(told) - shown:
        parts.append(f"{more} more, in the evidence")
    return f"{'. '.join(map(capital, parts))}."


def _found(finding: Finding, findings: Sequence[Finding]) -> str:
    # Of an attribute the statistic names it.
    who = () if finding.claim == "attributes" else (called(finding.attack),)
    where = short(", ".join([*who, seen_by(finding)]), LONGEST)
    if finding.value is None:
        return f"{capital(statistic_of(finding))}: {finding.counts if finding.outcome is None else 'not measured'}."
    seen = f"; {_would_have_been_seen(finding, findings)}" if finding.outcome == "not shown" else ""
    return f"{capital(statistic_of(finding))} {measured(finding)}; {by_chance(finding)}{seen} ({where})."


def _would_have_been_seen(finding: Finding, findings: Sequence[Finding]) -> str:
    """What silence would have shown: of the statistic itself, or of the same scores by their AUC, for which it is reckoned."""
    if finding.detectable is not None:
        return would_have_been_seen(finding)
    keys = (finding.attack, finding.view, finding.where, finding.target)
    alike = [one for one in findings if (one.attack, one.view, one.where, one.target) == keys]
    areas = [one.detectable for one in alike if one.statistic == "auc" and one.detectable is not None]
    return f"an AUC of {areas[0]:.2f} would have been seen" if areas else "what would have been seen is not reckoned"


def _by_reason(attacks: Sequence[AttackRun]) -> list[list[AttackRun]]:
    """Those that make one claim and were not run for one reason, together."""
    found: dict[tuple[str | None, str], list[AttackRun]] = {}
    for attack in attacks:
        found.setdefault((attack.claim, attack.why), []).append(attack)
    return list(found.values())


def _not_run(alike: Sequence[AttackRun]) -> str:
    first = alike[0]
    what = first.words or called(first.name)
    if len(alike) > 1:
        named = f"attacks {enumerated([called(attack.name) for attack in alike])}"
        what = f"{CLAIMS[first.claim]} ({named})" if first.claim else named
    return f"{capital(what)}: not run.{f' {capital(first.why)}'.rstrip('. ')}{'.' if first.why else ''}"


def _whole(reason: str) -> str:
    """A reason with its end, which says what to do: of a long one what stands in brackets is in the table beside it."""
    return reason if len(reason) <= TEXT else re.sub(r" \([^()]*\)", "", reason)


def _thousands(value: Value) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)
