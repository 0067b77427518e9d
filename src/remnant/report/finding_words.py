"""Findings in sentences: one number with its interval each, at most 30 words."""

from remnant.base.findings import Finding, Outcome
from remnant.base.terms import by_chance, capital, measured, statistic_of, would_have_been_seen
from remnant.base.texts import p_said

LEVEL = 0.01  # of p after Holm, at which a finding is exposed
# What an outcome says of a finding, behind its number.
_OUTCOMES: dict[Outcome, str] = {
    "exposed": "Patients are exposed.",
    "not shown": "No exposure was shown.",
    "power unknown": "Nobody knows whether the attack could have succeeded: no control showed it.",
    "attack too weak": "The attack is too weak to clear anybody: it missed what was planted.",
    "too few patients": "That is too few patients to tell.",
    "not testable": "A control failed, so that this number shows nothing.",
}


def shown_of_few(finding: Finding) -> bool:
    """Whether p shows a leak whose interval, of so few patients, holds chance as well."""
    return finding.outcome == "too few patients" and finding.adjusted_p is not None and finding.adjusted_p <= LEVEL


def finding_sentence(finding: Finding, name: str) -> str:
    """What was measured, by the attack that is called `name`, and with what p; a finding without an outcome was withheld."""
    what = f"{capital(name)}: {statistic_of(finding)}"
    if finding.outcome is None:
        return f"{what} {finding.counts}."
    if finding.value is None:
        return f"{what} not measured, in {finding.n} patients."
    p = "" if finding.adjusted_p is None else f", {p_said(finding.adjusted_p, bound=finding.p_bound)} after Holm"
    return f"{what} {measured(finding)}, {by_chance(finding)}{p}."


def outcome_sentence(finding: Finding) -> str:
    """What follows from a finding, and of silence what would have been seen; empty where it was withheld."""
    if finding.outcome is None:
        return ""
    if shown_of_few(finding):
        return "A leak is shown, of too few patients to say how large it is at the least."
    said = _OUTCOMES[finding.outcome]
    if finding.outcome == "attack too weak" and finding.coarse:
        return "Scores of so few values are too coarse to clear anybody."
    if finding.outcome == "not shown" and finding.low is not None and finding.low > finding.null:
        said = f"{said} Its interval lies beyond chance, but of so many tests p after Holm has to be {LEVEL:g} at most."
    if finding.outcome == "not shown" and finding.detectable is not None:
        power = "" if finding.statistic == "tpr_at_lowest_fpr" else " with 80% power"
        return f"{said} {capital(would_have_been_seen(finding))}{power}."
    return said
