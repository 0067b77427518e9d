"""The field's terms for what results.json of an audit names by a key."""

import math
import re
from typing import TypeVar

from remnant.base.findings import (
    AuditResults,
    Beforehand,
    Claim,
    Control,
    Criterion,
    Finding,
    LimitName,
    Statistic,
    Tried,
)

STATISTICS: dict[Statistic, str] = {
    "auc": "AUC",
    "advantage": "membership advantage",
    "tpr_at_10_fpr": "true positive rate at 10% FPR",
    "tpr_at_lowest_fpr": "true positive rate at a low FPR",
    "fold_rank": "share of patients whose own model fits worst",
    "rank1": "share of reconstructions identified (rank 1)",
    "verification_auc": "AUC of same patient or not",
    "skill": "attribute read beyond guessing (Youden's J)",
    "skill_gap": "attribute read beyond guessing, members minus non-members",
    "gain": "members' gain in nearness beyond the controls",
}
# The largest value of a statistic that is no share, area or difference of two shares: of the gap a difference of two of these;
# a gain is of similarities, which end at 1.
MOST: dict[Statistic, float] = {"skill_gap": 2.0}
# The smallest of one that may be below 0; a gain, of distances that grow, has none.
LEAST: dict[Statistic, float] = {"advantage": -1.0, "skill": -1.0, "skill_gap": -2.0, "gain": -math.inf}
LIMITS: dict[LimitName, str] = {
    "identification": "identification at rank 1",
    "membership_advantage": "membership advantage",
    "membership_tpr": "true positive rate at 10% FPR",
    "attribute": "attribute disclosure",
}
# What is claimed, as a heading of several attacks.
CLAIMS: dict[Claim, str] = {
    "patient_scores": "membership",
    "reconstructions": "reconstruction of patients' images",
    "candidates": "images drawn from the weights",
    "pair_scores": "linkage of images",
    "attributes": "age and sex",
}
CRITERIA: dict[Claim, Criterion] = {
    "reconstructions": "singling out",
    "candidates": "singling out",
    "patient_scores": "inference",
    "pair_scores": "linkability",
    "attributes": "inference",
}
# What is seen of what a client sends: codes, what the server makes of them, and as a control what was to be hidden.
CODES, MAPS, RAW = "codes", "segmentations of codes", "the scans themselves"
# How the remark begins of results that may leave the house.
RELEASE = "For release: "
DECISION_SUPPORT = "Decision support, not a determination."
# How the reason begins why an attack is not run that needs what the recipient does not see.
ELSEWHERE = "only in the scenario"
OF_CODES = f"{ELSEWHERE} codes "  # which no model is, so that a sheet on one does not name them
LAST_TRIED = 3  # sets of limits that were tried when the findings were known, as a text names them


Measured = TypeVar("Measured", Finding, Control)


def capital(text: str) -> str:
    """The text as a sentence begins."""
    return text[:1].upper() + text[1:]


def called(attack: str) -> str:
    """The name of an attack, or of what is read, as a text has it: "code inversion"."""
    return attack.replace("_", " ")


def minus(text: str) -> str:
    """A number as every text writes it, with a minus and no hyphen, and a rounded zero without one."""
    return text.replace("-", "−") if text.strip("-0.%") else text.lstrip("-")


def least_of(statistic: Statistic) -> float:
    """The smallest value that there can be."""
    return LEAST.get(statistic, 0.0)


def in_range(one: Measured) -> Measured:
    """A finding or a control as it is told: no end of an interval, which a normal error may give, beyond what there can be."""
    least, most = least_of(one.statistic), MOST.get(one.statistic, 1.0)
    ends = {name: getattr(one, name, None) for name in ("low", "high", "bound_low")}
    told = {name: min(max(end, least), most) for name, end in ends.items() if end is not None}
    changed = {name: end for name, end in told.items() if end != ends[name]}
    return one.model_copy(update=changed) if changed else one


def measured(finding: Finding, digits: int = 2, *, clipped: bool = True) -> str:
    """ "0.31 [0.20, 0.42]", or "1.2% [0.8%, 1.6%]", as the finding's statistic is written; with `clipped` the interval of what
    there can be alone."""
    finding = in_range(finding) if clipped else finding
    if finding.value is None:
        return "not measured"
    ends = [] if finding.low is None or finding.high is None else [finding.low, finding.high]
    interval = f" [{', '.join(_number(finding, end, digits) for end in ends)}]" if ends else ""
    return f"{_number(finding, finding.value, digits)}{interval}"


def by_chance(finding: Finding) -> str:
    """ "0.50 by chance", as the finding's statistic is written."""
    return f"{_number(finding, finding.null)} by chance"


def would_have_been_seen(finding: Finding) -> str:
    """What would have been seen of a silent finding, as its statistic is written; empty where nobody knows."""
    if finding.detectable is None:
        return ""
    most = MOST.get(finding.statistic, 1.0)
    if finding.detectable > most:
        # The forecast is of a normal error, which knows no bound.
        return f"not even {_number(finding, most)}, the most there is, would surely have been seen"
    return f"{_number(finding, finding.detectable)} would have been seen"


def _number(finding: Finding, value: float, digits: int = 2) -> str:
    if finding.statistic == "tpr_at_lowest_fpr":
        # Two digits after the point leave nothing of a few in a thousand.
        return f"{value:.0%}" if value >= 0.1 else f"{100 * value:.2g}%"
    return minus(f"{value:.{digits}f}")


def digits_beside(finding: Finding, limit: float) -> int:
    """How many digits keep what a finding lies beyond chance apart from the `limit`, two or three."""
    ends = (finding.value, finding.low, finding.high, finding.bound_low)
    ends = [end - finding.null for end in ends if end is not None]
    return 3 if any(f"{end:.2f}" == f"{limit:.2f}" and end != limit for end in ends) else 2


def beyond_chance(finding: Finding, digits: int = 2) -> dict[str, float | None]:
    """Value, low and high less chance: of the numbers as they are told, so that a reader finds 0.60 less 0.10 to be 0.50."""
    finding = in_range(finding)
    ends = (("value", finding.value), ("low", finding.low), ("high", finding.high))
    return {
        name: None if end is None else round(round(end, digits) - round(finding.null, digits), digits)
        for name, end in ends
    }


def limits_changed(results: AuditResults) -> bool:
    """Whether the limits were changed when the findings were known; an older version did not keep the first ones."""
    return bool(results.rescored) and (results.first is None or results.first.limits != results.limits)


def changed_afterwards(results: AuditResults) -> list[str]:
    """What was changed when the findings were known, and what the verdict was before, a sentence each."""
    first, when = results.first, f"on {results.rescored}, when the results were known"
    said = []
    if limits_changed(results):
        before = f"; by the limits set before it was: {first.ruling}" if first else ""
        said.append(f"This verdict is by limits that were changed {when}{before}.")
    if first and first.minimum_cell != results.minimum_cell:
        said.append(f"The minimum cell was changed from {first.minimum_cell} to {results.minimum_cell} {when}.")
    return said + _tried(results)


def _tried(results: AuditResults) -> list[str]:
    """How often and by which limits it was judged anew, the last ones of many; nothing of one that is the present one."""
    if len(results.tried) <= (1 if results.rescored else 0):
        return []
    named = results.first or results
    sets = [f"{_changed(named, one)}: {one.ruling}" for one in results.tried[-LAST_TRIED:]]
    more = len(results.tried) - len(sets)
    often = "once" if len(results.tried) == 1 else f"{len(results.tried)} times"
    which = f"; the last {len(sets)}, of all in results.json" if more else ""
    return [f"When the results were known it was judged anew by other limits {often}{which}: {'; '.join(sets)}."]


def _changed(first: AuditResults | Beforehand, tried: Tried) -> str:
    """What is not as it was: "membership advantage 0.40, minimum cell 3"."""
    before = {limit.name: limit for limit in first.limits}
    changed = [
        f"{LIMITS[limit.name]} {f'{limit.value:g}' if limit.asked else 'not asked'}"
        for limit in tried.limits
        if limit != before.get(limit.name)
    ]
    cell = [f"minimum cell {tried.minimum_cell}"] if tried.minimum_cell != first.minimum_cell else []
    return ", ".join(changed + cell)


def statistic_of(finding: Finding) -> str:
    """The statistic in words, of an attribute with its name: "sex read beyond guessing"."""
    words = STATISTICS[finding.statistic]
    return words.replace("attribute", called(finding.attack), 1) if finding.claim == "attributes" else words


def seen_by(finding: Finding) -> str:
    """What the attack saw, for who does not know what a Dice is."""
    return re.sub(r"^Dice\b", "Dice overlap of the segmentation", finding.view)
