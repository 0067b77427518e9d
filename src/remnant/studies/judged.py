"""Findings on a study's networks, judged together: one family of tests, outcomes by the controls of each, their chapters."""

from collections.abc import Callable, Mapping, Sequence

from remnant.audit.verdict.family import adjusted
from remnant.audit.verdict.outcome import outcome_of
from remnant.base.findings import Control, Finding, Outcome
from remnant.base.results import Row, Section
from remnant.report.audit_rows import auc_rows, control_rows, finding_rows, name_of
from remnant.report.chapters.controls import CONTROLS
from remnant.report.chapters.findings import FINDINGS
from remnant.report.chapters.part import figure
from remnant.report.finding_words import finding_sentence, outcome_sentence
from remnant.report.words import label
from remnant.studies.gates import Conclusion, full_preset


def judged(findings: Sequence[Finding], controls: Mapping[str, Sequence[Control]]) -> list[Finding]:
    """The `findings` on all targets with p after Holm for all of them together, and with their outcomes by the `controls` of
    their target; what is exposed first, then by how far the interval lies from chance."""
    told = [
        one.model_copy(update={"outcome": outcome_of(one, controls.get(one.target, ()))}) for one in adjusted(findings)
    ]
    return sorted(told, key=_strength, reverse=True)


def exposed_of(findings: Sequence[Finding]) -> list[Finding]:
    """Those that expose patients."""
    return [one for one in findings if one.outcome == "exposed"]


def open_of(findings: Sequence[Finding], of: Callable[[str], str] = lambda target: target) -> dict[str, list[str]]:
    """By target, as `of` calls it, why nothing may be concluded on it, a sentence a claim; only those of which that is so.

    A target is concluded on where some finding exposes its patients, and else where some finding of each claim, such as
    reconstructions, shows nothing and would have.
    """
    found: dict[str, list[str]] = {}
    for name, own in _parted(findings, lambda one: of(one.target)).items():
        if exposed_of(own):
            continue
        for part in _parted(own, lambda one: one.claim).values():
            outcomes: set[Outcome | None] = {one.outcome for one in part}
            if "not shown" not in outcomes:
                found.setdefault(name, []).append(sentence_of(part[0], findings))
    return found


def conclusion_of(
    findings: Sequence[Finding], preset: str, of: Callable[[str], str] = lambda target: target
) -> Conclusion:
    """What may not be concluded: after a preset that trains for moments nothing, else nothing on the targets, as `of` calls them,
    of which the `findings` leave it open."""
    if trial := full_preset(preset):
        return Conclusion([trial.reason], [])
    undecided = open_of(findings, of)
    reasons = list(dict.fromkeys(reason for own in undecided.values() for reason in own))
    if not reasons or not exposed_of(findings):
        return Conclusion(reasons, [])
    about = f"No conclusion about {'; '.join(undecided)}: that nothing was shown there clears nobody."
    return Conclusion([], [about, *reasons])


def sentence_of(finding: Finding, among: Sequence[Finding]) -> str:
    """What was measured and what that shows, in one or two sentences."""
    return f"{finding_sentence(finding, name_of(finding, among))} {outcome_sentence(finding)}".strip()


def strongest_of_each(findings: Sequence[Finding], of: Callable[[str], str] = lambda target: target) -> list[Finding]:
    """The strongest of each target, as `of` calls it, and claim."""
    return [own[0] for own in _parted(findings, lambda one: f"{of(one.target)}/{one.claim}").values()]


def judged_tables(findings: Sequence[Finding], controls: Mapping[str, Sequence[Control]]) -> dict[str, list[Row]]:
    """`findings` and `controls`, a row each, and `forest`, the AUCs among the findings as the figure draws them."""
    held = [{"target": label(target)} | row for target, own in controls.items() for row in control_rows(own)]
    return {"findings": finding_rows(findings), "controls": held, "forest": auc_rows(findings)}


def findings_section(tables: Mapping[str, Sequence[Row]], text: Sequence[str] = ()) -> Section:
    """The chapter of every finding on every target."""
    own = {"target": "Target", "attack": "Attack", "view": "Sees", "outcome": "Outcome"}
    own |= {"statistic": FINDINGS.columns["statistic"], "group": "Groups"}
    shown = {name: heading for name, heading in FINDINGS.columns.items() if name != "name"}
    figures = figure(
        list(tables["forest"]),
        "membership",
        "audit_forest",
        "AUC of every attack that has one, and the AUC that would have been seen.",
    )
    table = FINDINGS.model_copy(update={"name": "findings", "columns": own | shown})
    return Section(title="What attacks find in each network", text=list(text), table=table, figures=figures)


def controls_section() -> Section:
    """The chapter of the controls of every target."""
    table = CONTROLS.model_copy(update={"columns": {"target": "Target"} | CONTROLS.columns})
    return Section(title="Controls", table=table)


def _strength(finding: Finding) -> tuple[bool, float]:
    end = finding.low if finding.low is not None else finding.value
    excess = -1.0 if end is None else (end - finding.null) / max(1 - finding.null, 1e-9)
    return finding.outcome == "exposed", excess


def _parted(findings: Sequence[Finding], key: Callable[[Finding], str]) -> dict[str, list[Finding]]:
    parts: dict[str, list[Finding]] = {}
    for one in findings:
        parts.setdefault(key(one), []).append(one)
    return parts
