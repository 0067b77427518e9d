"""What one finding shows, from its interval, its p and the controls of its attack. Pure functions of rows."""

from collections.abc import Sequence

from remnant.base.findings import Control, Finding, Outcome
from remnant.measure.intervals import FEWEST_PATIENTS

# Of p after Holm: of 100 audits of models that leak nothing, one at most is wrongly exposed. A clearance does not rest on it.
LEVEL = 0.01
# Controls that an attack passes by finding what is there; the others are passed by finding nothing.
POSITIVE = ("planted", "canary", "recipe")
# Attacks that no planted leak is put to: their power against leaks of any size is computed, and stands in a table.
POWER_COMPUTED = ("fold rank",)


def outcome_of(finding: Finding, controls: Sequence[Control]) -> Outcome:
    """What one `finding` shows, given the `controls` of its attack and of all attacks."""
    own = controls_of(finding, controls)
    if any(control.passed is False for control in own if control.kind not in POSITIVE):
        return "not testable"
    if finding.value is None or finding.adjusted_p is None:
        return "too few patients"
    seen = finding.adjusted_p <= LEVEL
    if seen and (finding.value if finding.high is None else finding.high) < finding.null:
        # Training makes nobody look less like a member: the groups are swapped, or differ by something else.
        return "not testable"
    if seen and (finding.value if finding.low is None else finding.low) > finding.null:
        return "exposed"
    if seen and finding.value > finding.null:
        # Shown, and of too few to say by how much at the least.
        return "too few patients"
    positive = [control for control in own if control.kind in POSITIVE]
    able = is_able(positive)
    if not able and any(control.passed is False for control in positive):
        return "attack too weak"
    if finding.coarse:
        return "attack too weak"
    if finding.low is None or finding.n < FEWEST_PATIENTS:
        return "too few patients"
    # Silence says something of an attack that could have succeeded, and of no other.
    return "not shown" if able or finding.attack in POWER_COMPUTED else "power unknown"


def is_able(positive: Sequence[Control]) -> bool:
    """Whether an attack can succeed, by its `positive` controls.

    Who sees what the very training leaves is not blind, whatever was planted besides. Who does not must find what was planted
    wherever that was tried and learned, both in a copy of the network and among canaries.
    """
    passed, failed = ({control.kind for control in positive if control.passed is outcome} for outcome in (True, False))
    if "recipe" in passed:
        return True
    if "planted" in passed:
        return "canary" not in failed
    return "canary" in passed and "planted" not in failed


def controls_of(finding: Finding, controls: Sequence[Control]) -> list[Control]:
    """Those that speak of the finding's attack and claim."""
    # That the model fits its members says nothing of the groups or of an attack; that it does not keeps the audit open
    # anyhow. So it is with doses of training.
    return [
        control
        for control in controls
        if control.kind not in ("fit", "dose")
        and control.attack in ("", finding.attack)
        and control.claim in (None, finding.claim)
    ]


def is_shown_of_few(finding: Finding) -> bool:
    """Whether a leak is shown and its interval holds chance."""
    seen = finding.adjusted_p is not None and finding.adjusted_p <= LEVEL
    return seen and finding.outcome == "too few patients" and finding.low is not None


def of_many_values(finding: Finding) -> bool:
    """Whether its number gives no table of patients by values back, which is withheld where a cell is small."""
    return finding.fewest is None and not finding.coarse


def excess(finding: Finding, end: float | None, unknown: float) -> float:
    """What `end` of a finding's interval lies beyond chance."""
    return unknown if end is None else end - finding.null
