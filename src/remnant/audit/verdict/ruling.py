"""One limit held against what was found: outside, within or cannot tell, by the ends of intervals and never by estimates."""

import math
from collections.abc import Sequence

from remnant.audit.verdict.needed import most_of, needed_of, round_up, told_of
from remnant.audit.verdict.outcome import POSITIVE, controls_of, excess, is_able, is_shown_of_few, of_many_values
from remnant.audit.verdict.words import (
    against,
    exposed_below,
    exposed_few,
    not_measured,
    not_surely,
    shown_of_few,
    unreckoned,
    unshown,
    would_tell,
)
from remnant.base.findings import Control, Finding, Judged, Limit, Ruling


def judged(
    limit: Limit, findings: Sequence[Finding], controls: Sequence[Control], unplanted: str = "", unmeasured: str = ""
) -> Judged:
    """Hold one `limit` against all `findings` of its statistic, whose outcomes are known.

    *Outside*: an exposed finding lies above the limit with the end of the interval that holds for all findings together. Of
    several it is told by one of many values, whose number may leave the house, and by a coarse one where that is alone.
    *Within*: no finding's interval reaches above the limit, the groups were shown to be alike, and the attack was shown to be
    able to succeed. Else it cannot tell; `patients` would tell where more of them would. `unplanted`: why no leak was planted;
    `unmeasured`: why an attack on it was not run.
    """
    places = [i for i, finding in enumerate(findings) if finding.statistic == limit.statistic]
    if not places:
        return Judged(limit=limit.name, ruling="cannot tell", sentence=not_measured(limit, unmeasured))

    def ruled(ruling: Ruling, place: int, sentence: str, patients: int | None = None, *, above: bool = False) -> Judged:
        return Judged(limit=limit.name, ruling=ruling, sentence=sentence, finding=place, patients=patients, above=above)

    low = {i: excess(findings[i], findings[i].bound_low, -math.inf) for i in places}
    high = {i: excess(findings[i], findings[i].high, math.inf) for i in places}
    above = [i for i in places if findings[i].outcome == "exposed" and low[i] > limit.value]
    if above:
        strongest = max(above, key=lambda i: (of_many_values(findings[i]), low[i]))
        return ruled("outside", strongest, against(findings[strongest], limit, "above"))
    few = [i for i in places if findings[i].outcome == "exposed" and findings[i].low is None]
    if few:
        return ruled("cannot tell", few[0], exposed_few(findings[few[0]], limit))

    def reaches(place: int) -> tuple[float, float]:
        return high[place], excess(findings[place], findings[place].value, -math.inf)

    worst = max(places, key=reaches)
    # Of scores of few values the number is shown only where they alone reach above the limit.
    finest = max(
        [i for i in places if of_many_values(findings[i])] or [i for i in places if not findings[i].coarse] or places,
        key=reaches,
    )
    # What is exposed above the limit by itself is told before an attack that would clear nobody by its silence.
    alone = {i: excess(findings[i], findings[i].low, -math.inf) for i in places if findings[i].outcome == "exposed"}
    near = [i for i, end in alone.items() if end > limit.value]
    # A leak that is shown, of so few that its interval holds chance: more of them would tell, and no further control.
    wide = {i: excess(findings[i], findings[i].value, -math.inf) for i in places if is_shown_of_few(findings[i])}
    wide = {i: value for i, value in wide.items() if value > limit.value and not near}
    of_limit = [findings[i] for i in places]
    if reason := _open(of_limit, findings, controls, unplanted, silent=not near, shown=bool(wide)):
        return ruled("cannot tell", finest, reason)
    if high[worst] <= limit.value:
        shown = [i for i in places if findings[i].outcome == "exposed"]
        strongest = max(shown, key=lambda i: (of_many_values(findings[i]), low[i], i == finest), default=None)
        beside = "" if strongest is None else exposed_below(None if strongest == finest else findings[strongest])
        return ruled("within", finest, against(findings[finest], limit, "below") + beside)
    worst = finest if high[finest] > limit.value else worst
    side, ending = "on both sides of", ""
    if near:
        worst = max(near, key=lambda i: (of_many_values(findings[i]), alone[i]))
    elif wide:
        worst = max(wide, key=lambda i: (of_many_values(findings[i]), wide[i]))
        ending = shown_of_few()
    if excess(findings[worst], findings[worst].low, -math.inf) > limit.value:
        # One of many tests: what is above by itself may be so by chance.
        side, ending = "wholly above", not_surely(findings[worst], limit)
    needed = needed_of(findings[worst], limit)
    if unfit := _unfit(findings[worst], controls):
        needed = None
    patients = told_of(needed, findings[worst])
    at_least = round_up(most_of(findings[worst])) if needed and not patients else None
    beyond = excess(findings[worst], findings[worst].value, -math.inf) > limit.value
    forecast = would_tell(patients, at_least, above=beyond) or unreckoned(findings[worst], limit, unfit=unfit)
    said = against(findings[worst], limit, side, ending) + forecast
    return ruled("cannot tell", worst, said, patients, above=beyond)


def _open(
    findings: Sequence[Finding],
    all_findings: Sequence[Finding],
    controls: Sequence[Control],
    unplanted: str,
    *,
    silent: bool,
    shown: bool,
) -> str:
    """Why the silence of these findings clears nobody, or they say nothing; empty where neither is so.

    `all_findings`: those of the same claims as well. `silent`: none of them is exposed above the limit; `shown`: one of them
    is a leak above it, of too few patients to be exposed.
    """
    own = [control for control in controls if any(control in controls_of(finding, controls) for finding in findings)]
    claims = {(finding.attack, finding.view, finding.where) for finding in findings}
    # Members who fare worse show in an AUC, and hardly in how many are above a threshold.
    for finding in (one for one in all_findings if (one.attack, one.view, one.where) in claims):
        if finding.outcome == "not testable":
            failed = [control for control in controls_of(finding, controls) if control.passed is False]
            return (
                failed[0].sentence
                if failed
                else "Members fare worse than non-members: check whether the groups are swapped."
            )
    if all(finding.coarse for finding in findings):
        return (
            f"{findings[0].tied:.0%} of pairs of a member and a non-member have the same score: scores of so few values clear "
            "nobody; give them unrounded."
        )
    if shown:
        return ""
    if not any(control.passed for control in own if control.kind not in POSITIVE):
        return "No control showed that members and non-members are alike."
    if not silent:
        return ""
    positive = [control for control in own if control.kind in POSITIVE]
    attacks = dict.fromkeys(control.attack for control in positive)
    if any(is_able([control for control in positive if control.attack == attack]) for attack in attacks):
        return ""
    if positive:
        return next((control.sentence for control in positive if control.passed is False), positive[0].sentence)
    # The planted are members: of other claims their absence is no reason.
    return unshown(unplanted if any(finding.claim == "patient_scores" for finding in findings) else "")


def _unfit(finding: Finding, controls: Sequence[Control]) -> bool:
    """Whether the model does not fit its members, which no more patients mend."""
    return any(one.kind == "fit" and one.passed is False and one.claim in (None, finding.claim) for one in controls)
