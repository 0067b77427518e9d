"""What the decision sheet says was found of each criterion, and what became of the controls."""

from collections.abc import Sequence
from dataclasses import dataclass

from remnant.base.findings import AuditResults, Criterion, Finding
from remnant.base.terms import (
    CRITERIA,
    ELSEWHERE,
    OF_CODES,
    beyond_chance,
    by_chance,
    called,
    capital,
    measured,
    seen_by,
    statistic_of,
    would_have_been_seen,
)
from remnant.base.texts import short
from remnant.report.audit_rows import LONGEST, control_kind, control_outcome, strongest_of
from remnant.report.untested import by_reason, not_run

TEXT = 190  # characters of two or three lines
CRITERION_OF = {"rank1": "singling out", "verification_auc": "linkability"}  # of a limit's statistic; else inference
# Statistics that are held against a limit and are not 0 by chance.
BEYOND = ("tpr_at_10_fpr",)


@dataclass(frozen=True)
class Result:
    """What was found of one of the three criteria: a number with its interval, or why there is none."""

    criterion: Criterion
    sentence: str
    outcome: str


def result_of(criterion: Criterion, results: AuditResults) -> Result:
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
        return Result(criterion, short(not_run(by_reason(missing)[0]), TEXT), "not tested")
    asked = any(limit.asked for limit in results.limits if CRITERION_OF.get(limit.statistic, "inference") == criterion)
    why = "No attack that measures it was run." if asked else "No limit asks for it, and no attack measured it."
    return Result(criterion, why, "not tested")


def controls_said(results: AuditResults) -> str:
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
    if finding.outcome == "power unknown":
        seen = "; no control showed that it could have been found"
    return f"{capital(statistic_of(finding))} {_on_one_scale(finding)}{seen} ({where})."


def _on_one_scale(finding: Finding) -> str:
    """The number as the criterion above has it, beyond chance, of what limits are on; else the number and what chance gives."""
    if finding.statistic not in BEYOND or finding.value is None:
        return f"{measured(finding)}; {by_chance(finding)}"
    beyond = finding.model_copy(update={**beyond_chance(finding), "null": 0.0})
    return f"{measured(beyond, clipped=False)} beyond chance ({by_chance(finding)})"


def _would_have_been_seen(finding: Finding, findings: Sequence[Finding]) -> str:
    """What silence would have shown: of the statistic itself, or of the same scores by their AUC, for which it is reckoned."""
    if finding.detectable is not None:
        return would_have_been_seen(finding)
    keys = (finding.attack, finding.view, finding.where, finding.target)
    alike = [one for one in findings if (one.attack, one.view, one.where, one.target) == keys]
    areas = [one.detectable for one in alike if one.statistic == "auc" and one.detectable is not None]
    return (
        f"its power is reckoned by the AUC of the same scores, of which {areas[0]:.2f} would have been seen"
        if areas
        else "what would have been seen is not reckoned"
    )
