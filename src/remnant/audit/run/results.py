"""From findings and controls of any audit to results.json: outcomes, verdict, provenance."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from remnant.audit.config import AuditConfig
from remnant.audit.verdict.enough import too_few_sentence
from remnant.audit.verdict.judge import verdict_of
from remnant.audit.verdict.outcome import outcome_of
from remnant.audit.verdict.scenario import RECIPIENTS, unmeasured
from remnant.base import provenance
from remnant.base.errors import RemnantError
from remnant.base.findings import AttackRun, AuditResults, Beforehand, Control, Finding, Limit, Scenario, Tried, Verdict
from remnant.base.results import Row, Section, Value

SET_ON = "criterion_set_on"
TAIL = "A few exposed patients among many, told at false positive rates below 10%, would not be seen."
TOP = "Exposed patients who are fewer than {:.2g}% of members would not be seen, even if told without a false alarm."


@dataclass(frozen=True)
class Clock:
    """When an audit began: before the owner's code, which takes its time, too. `wall` and `processor` in seconds."""

    started: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="milliseconds"))
    wall: float = field(default_factory=time.monotonic)
    processor: float = field(default_factory=time.process_time)


def conclude(
    config: AuditConfig,
    *,
    title: str,
    model: Mapping[str, Value],
    cohort: Mapping[str, Value],
    attacks: Sequence[AttackRun],
    findings: Sequence[Finding],
    controls: Sequence[Control],
    reasons: Sequence[str] = (),
    unplanted: str = "",
    notices: Sequence[str] = (),
    sections: Sequence[Section] = (),
    tables: Mapping[str, list[Row]] | None = None,
    **provenance_of_run: Any,
) -> AuditResults:
    """The results of an audit whose `findings` have no outcome yet.

    `reasons`: what beside controls and numbers keeps it from clearing a model; `unplanted`: why no leak was
    planted. `provenance_of_run`: command, times, machine.
    """
    judged = [finding.model_copy(update={"outcome": outcome_of(finding, controls)}) for finding in findings]
    limits = config.appetite.limits(config.scenario)
    tops = [
        finding.detectable for finding in findings if finding.statistic == "tpr_at_lowest_fpr" and finding.detectable
    ]
    scored = any(finding.statistic == "tpr_at_10_fpr" for finding in findings)
    tail = [TOP.format(100 * min(tops))] if tops else [TAIL] if scored else []
    provenance_of_run["not_tested"] = [*tail, *provenance_of_run.get("not_tested", [])]
    return AuditResults(
        title=title,
        model=dict(model),
        scenario=Scenario(name=config.scenario, recipient=RECIPIENTS[config.scenario], attacks=list(attacks)),
        cohort=dict(cohort),
        about={name: text for name, text in config.about.resolved().items() if text},
        notices=list(notices),
        verdict=_with_needed(
            verdict_of(limits, judged, controls, reasons, unplanted, _unmeasured(attacks)), cohort, limits, controls
        ),
        limits=limits,
        findings=judged,
        controls=list(controls),
        sections=list(sections),
        tables=dict(tables or {}),
        seed=config.seed,
        minimum_cell=config.appetite.minimum_cell,
        settings=config.resolved(),
        **provenance_of_run,
    )


def rescored(results: AuditResults, config: AuditConfig) -> AuditResults:
    """The same measurements judged under another appetite, with its `[about]` where that says anything.

    What kept the audit from clearing the model keeps it still. Limits and a minimum cell that are no longer those set beforehand
    are marked as changed, with what they were and the verdict by them, and every change is kept in `tried`. Raises
    `RemnantError` where `config` is of another scenario, or says that its criterion was set after the audit.
    """
    if config.scenario != results.scenario.name:
        raise RemnantError(
            f"The audit is of the scenario {results.scenario.name}, and the configuration asks for {config.scenario}, which "
            "allows other attacks; run a new audit."
        )
    limits = config.appetite.limits(config.scenario)
    judged = [
        finding.model_copy(update={"outcome": outcome_of(finding, results.controls)}) for finding in results.findings
    ]
    today, cell = datetime.now(UTC).date().isoformat(), config.appetite.minimum_cell
    first = results.first
    if not results.rescored:
        first = Beforehand(limits=results.limits, minimum_cell=results.minimum_cell, ruling=results.verdict.ruling)
    back = first is not None and (limits, cell) == (first.limits, first.minimum_cell)
    kept = (limits, cell) == (results.limits, results.minimum_cell)
    verdict = _with_needed(
        verdict_of(
            limits,
            judged,
            results.controls,
            results.verdict.kept_open,
            results.verdict.unplanted,
            _unmeasured(results.scenario.attacks),
        ),
        results.cohort,
        limits,
        results.controls,
    )
    tried = results.tried
    if not (back or kept):
        tried = [*tried, Tried(day=today, limits=limits, minimum_cell=cell, ruling=verdict.ruling)]
    return results.model_copy(
        update={
            "limits": limits,
            "rescored": "" if back else results.rescored if kept else today,
            "first": None if back else first,
            "tried": tried,
            "findings": judged,
            "verdict": verdict,
            "minimum_cell": cell,
            "about": results.about | _about(results, config, today),
            "settings": results.settings | {"appetite": config.appetite.resolved()},
        }
    )


def _with_needed(
    verdict: Verdict, cohort: Mapping[str, Value], limits: Sequence[Limit], controls: Sequence[Control]
) -> Verdict:
    """The verdict that cannot tell, with how many patients its limits take, where no other number of them is said.

    None where the model does not fit its members, which no number mends.
    """
    groups = [cohort.get(name) for name in ("members", "non_members")]
    unfit = any(one.kind == "fit" and one.passed is False for one in controls)
    told = any("patients would tell" in text for text in (verdict.sentence, *verdict.reasons))
    if verdict.ruling != "cannot tell" or unfit or told or not all(isinstance(count, int) for count in groups):
        return verdict
    first = max(1, len(dict.fromkeys(verdict.kept_open)))
    said = too_few_sentence(*groups, limits)
    return verdict.model_copy(update={"reasons": [*verdict.reasons[:first], *said, *verdict.reasons[first:]]})


def _unmeasured(attacks: Sequence[AttackRun]) -> dict[str, str]:
    return unmeasured((attack.claim, "" if attack.run else attack.why) for attack in attacks)


def _about(results: AuditResults, config: AuditConfig, today: str) -> dict[str, str]:
    """What the owner says anew; when the criterion was set, with the day on which he says so."""
    said = {name: text for name, text in config.about.resolved().items() if text}
    day, audited = said.pop(SET_ON, ""), results.started[:10]
    if day > audited:
        raise RemnantError(
            f"{SET_ON} is {day}, and the audit was on {audited}: what is set when the results are known was not set beforehand; "
            "leave it out."
        )
    if day and not results.about.get(SET_ON, "").startswith(day):
        said[SET_ON] = f"{day}, as entered on {today}, when the results were known"
    return said


def machine(clock: Clock, command: str, before: Sequence[Mapping[str, Any]] = ()) -> dict[str, Any]:
    """Where the numbers come from and how long they took, in seconds, as `AuditResults` has it: since `clock`, and in the pieces
    that were finished earlier, of which `before`, the events of a run that is gone on with, tells."""
    done = [event for event in before if event["event"] == "end"]
    return {
        "command": command,
        "started": before[0]["time"] if before else clock.started,
        "seconds": round(time.monotonic() - clock.wall + sum(event["seconds"] for event in done), 1),
        "cpu_seconds": round(time.process_time() - clock.processor + sum(event["cpu_seconds"] for event in done), 1),
        "hardware": provenance.hardware(),
        "versions": provenance.versions(),
    }
