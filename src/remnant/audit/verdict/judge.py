"""The one rule of all verdicts: from findings and controls to outcomes, from outcomes and limits to the verdict.

Pure functions of rows. A finding is *exposed* where its interval lies beyond the null, its adjusted p is at most `LEVEL` and no
control speaks against it. Silence counts only where a control that could have failed did not. Limits are held against the ends
of intervals, never against estimates.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

from remnant.audit.verdict.alike import groups_unchecked
from remnant.audit.verdict.needed import most_of, needed_of, round_up, told_of
from remnant.audit.verdict.words import (
    against,
    exposed_below,
    exposed_few,
    not_measured,
    not_surely,
    ruling_sentence,
    shown_of_few,
    told_for_certain,
    unreckoned,
    unshown,
    without_limit,
    would_tell,
)
from remnant.base.findings import Control, Finding, Judged, Limit, Outcome, Ruling, Verdict
from remnant.measure.intervals import FEWEST_PATIENTS
from remnant.measure.tpr import TIMES

# Of p after Holm: of 100 audits of models that leak nothing, one at most is wrongly exposed. A clearance does not rest on it.
LEVEL = 0.01
# Controls that an attack passes by finding what is there; the others are passed by finding nothing.
POSITIVE = ("planted", "recipe")
# Attacks that no planted leak is put to: their power against leaks of any size is computed, and stands in a table.
POWER_COMPUTED = ("fold rank",)
CERTAIN = "tpr_at_lowest_fpr"


def outcome_of(finding: Finding, controls: Sequence[Control]) -> Outcome:
    """What one `finding` shows, given the `controls` of its attack and of all attacks."""
    own = _of(finding, controls)
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
    # Who sees what the very training leaves is not blind, whatever was planted besides.
    able = any(control.passed for control in positive)
    if not able and any(control.passed is False for control in positive):
        return "attack too weak"
    if finding.coarse:
        return "attack too weak"
    if finding.low is None or finding.n < FEWEST_PATIENTS:
        return "too few patients"
    # Silence says something of an attack that could have succeeded, and of no other.
    return "not shown" if able or finding.attack in POWER_COMPUTED else "power unknown"


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

    low = {i: _excess(findings[i], findings[i].bound_low, -math.inf) for i in places}
    high = {i: _excess(findings[i], findings[i].high, math.inf) for i in places}
    above = [i for i in places if findings[i].outcome == "exposed" and low[i] > limit.value]
    if above:
        strongest = max(above, key=lambda i: (_of_many_values(findings[i]), low[i]))
        return ruled("outside", strongest, against(findings[strongest], limit, "above"))
    few = [i for i in places if findings[i].outcome == "exposed" and findings[i].low is None]
    if few:
        return ruled("cannot tell", few[0], exposed_few(findings[few[0]], limit))

    def reaches(place: int) -> tuple[float, float]:
        return high[place], _excess(findings[place], findings[place].value, -math.inf)

    worst = max(places, key=reaches)
    # Of scores of few values the number is shown only where they alone reach above the limit.
    finest = max(
        [i for i in places if _of_many_values(findings[i])] or [i for i in places if not findings[i].coarse] or places,
        key=reaches,
    )
    # What is exposed above the limit by itself is told before an attack that would clear nobody by its silence.
    alone = {i: _excess(findings[i], findings[i].low, -math.inf) for i in places if findings[i].outcome == "exposed"}
    near = [i for i, end in alone.items() if end > limit.value]
    # A leak that is shown, of so few that its interval holds chance: more of them would tell, and no further control.
    wide = {i: _excess(findings[i], findings[i].value, -math.inf) for i in places if _shown_of_few(findings[i])}
    wide = {i: value for i, value in wide.items() if value > limit.value and not near}
    of_limit = [findings[i] for i in places]
    if reason := _open(of_limit, findings, controls, unplanted, silent=not near, shown=bool(wide)):
        return ruled("cannot tell", finest, reason)
    if high[worst] <= limit.value:
        shown = [i for i in places if findings[i].outcome == "exposed"]
        strongest = max(shown, key=lambda i: (_of_many_values(findings[i]), low[i], i == finest), default=None)
        beside = "" if strongest is None else exposed_below(None if strongest == finest else findings[strongest])
        return ruled("within", finest, against(findings[finest], limit, "below") + beside)
    worst = finest if high[finest] > limit.value else worst
    side, ending = "on both sides of", ""
    if near:
        worst = max(near, key=lambda i: (_of_many_values(findings[i]), alone[i]))
    elif wide:
        worst = max(wide, key=lambda i: (_of_many_values(findings[i]), wide[i]))
        ending = shown_of_few()
    if _excess(findings[worst], findings[worst].low, -math.inf) > limit.value:
        # One of many tests: what is above by itself may be so by chance.
        side, ending = "wholly above", not_surely(findings[worst], limit)
    needed = needed_of(findings[worst], limit)
    if unfit := _unfit(findings[worst], controls):
        needed = None
    patients = told_of(needed, findings[worst])
    at_least = round_up(most_of(findings[worst])) if needed and not patients else None
    beyond = _excess(findings[worst], findings[worst].value, -math.inf) > limit.value
    forecast = would_tell(patients, at_least, above=beyond) or unreckoned(findings[worst], limit, unfit=unfit)
    said = against(findings[worst], limit, side, ending) + forecast
    return ruled("cannot tell", worst, said, patients, above=beyond)


def verdict_of(
    limits: Sequence[Limit],
    findings: Sequence[Finding],
    controls: Sequence[Control],
    reasons: Iterable[str] = (),
    unplanted: str = "",
    unmeasured: Mapping[str, str] = MappingProxyType({}),
) -> Verdict:
    """The verdict on the model: outside where any limit is passed, within where every one is held, else it cannot tell.

    `reasons`: what beside controls and numbers keeps the audit from clearing a model. They hide no exposure. Behind all of them
    stands what networks of the same training tell, by the attack that tells most. `unplanted`: why no leak was planted;
    `unmeasured`: by statistic, why an attack on it was not run.
    """
    held = [
        judged(limit, findings, controls, unplanted, unmeasured.get(limit.statistic, ""))
        for limit in limits
        if limit.asked
    ]
    kept = [*reasons, *_without_limit(limits, findings)]
    rulings = {one.ruling for one in held}
    ruling: Ruling = "cannot tell"
    if "outside" in rulings:
        ruling = "outside"
    elif rulings == {"within"} and not kept:
        ruling = "within"
    told = _with_others([one.sentence for one in held if one.ruling == ruling], controls)
    return Verdict(
        ruling=ruling,
        sentence=ruling_sentence(
            ruling, held, kept=bool(kept), shown=any(_shown_above(one, limits, findings) for one in held)
        ),
        reasons=list(
            dict.fromkeys(
                # What keeps it open from outside, such as images of another range, is the cause of much else.
                (kept if ruling == "cannot tell" else [])
                + told
                + (groups_unchecked(controls) if _by_membership(ruling, held, findings) else [])
                + _of_recipe(controls)
            )
        ),
        kept_open=kept,
        unplanted=unplanted,
        judged=held,
    )


def _shown_above(held: Judged, limits: Sequence[Limit], findings: Sequence[Finding]) -> bool:
    """Whether a limit that is open is held against what is exposed and lies above it with its own interval."""
    if held.ruling != "cannot tell" or held.finding is None:
        return False
    finding, limit = findings[held.finding], next(one for one in limits if one.name == held.limit)
    return finding.outcome == "exposed" and _excess(finding, finding.low, -math.inf) > limit.value


def _with_others(sentences: Sequence[str], controls: Sequence[Control]) -> list[str]:
    """The sentences, behind one of an attack that missed what was planted those of others that did."""
    able = {one.attack for one in controls if one.kind == "recipe" and one.passed}
    missed = [one for one in controls if one.kind == "planted" and one.passed is False and one.attack not in able]
    found = []
    for sentence in sentences:
        claims = {one.claim for one in missed if one.sentence == sentence}
        found += [sentence, *(one.sentence for one in missed if one.claim in claims)]
    return found


def _unfit(finding: Finding, controls: Sequence[Control]) -> bool:
    """Whether the model does not fit its members, which no more patients mend."""
    return any(one.kind == "fit" and one.passed is False and one.claim in (None, finding.claim) for one in controls)


def _by_membership(ruling: Ruling, held: Sequence[Judged], findings: Sequence[Finding]) -> bool:
    """Whether the model is outside by members who differ from non-members."""
    passed = [findings[one.finding] for one in held if one.ruling == "outside" and one.finding is not None]
    return ruling == "outside" and any(finding.claim == "patient_scores" for finding in passed)


def _without_limit(limits: Sequence[Limit], findings: Sequence[Finding]) -> list[str]:
    """What is exposed by claims of which no limit that is asked is held against anything, and who is told with hardly a false
    alarm."""
    asked = {limit.statistic for limit in limits if limit.asked}
    held = {finding.claim for finding in findings if finding.statistic in asked}
    exposed = [one for one in findings if one.outcome == "exposed"]
    unheld = [one for one in exposed if one.claim not in held]
    # A limit on what is told of all members on average allows that a few of them are told for certain.
    certain = [one for one in exposed if one.statistic == CERTAIN and one.claim in held and _tenfold(one)]
    worst = [
        max(some, key=lambda one: (_of_many_values(one), _excess(one, one.value, 0.0)))
        for some in (unheld, certain)
        if some
    ]
    return [told_for_certain(one) if one in certain else without_limit(one) for one in worst]


def _tenfold(finding: Finding) -> bool:
    """Whether there are so many beyond chance that ten of eleven who are told are members, of as many members as others."""
    return finding.value is not None and finding.value >= TIMES * finding.null


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
    own = [control for control in controls if any(control in _of(finding, controls) for finding in findings)]
    claims = {(finding.attack, finding.view, finding.where) for finding in findings}
    # Members who fare worse show in an AUC, and hardly in how many are above a threshold.
    for finding in (one for one in all_findings if (one.attack, one.view, one.where) in claims):
        if finding.outcome == "not testable":
            failed = [control for control in _of(finding, controls) if control.passed is False]
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
    if any(control.passed for control in positive):
        return ""
    if positive:
        return next((control.sentence for control in positive if control.passed is False), positive[0].sentence)
    # The planted are members: of other claims their absence is no reason.
    return unshown(unplanted if any(finding.claim == "patient_scores" for finding in findings) else "")


def _of_recipe(controls: Sequence[Control]) -> list[str]:
    recipes = [control for control in controls if control.kind == "recipe"]
    return [max(recipes, key=lambda control: control.value or 0.0).sentence] if recipes else []


def _of(finding: Finding, controls: Sequence[Control]) -> list[Control]:
    # That the model fits its members says nothing of the groups or of an attack; that it does not keeps the audit open anyhow.
    return [
        control
        for control in controls
        if control.kind != "fit" and control.attack in ("", finding.attack) and control.claim in (None, finding.claim)
    ]


def _shown_of_few(finding: Finding) -> bool:
    """Whether a leak is shown and its interval holds chance."""
    seen = finding.adjusted_p is not None and finding.adjusted_p <= LEVEL
    return seen and finding.outcome == "too few patients" and finding.low is not None


def _of_many_values(finding: Finding) -> bool:
    """Whether its number gives no table of patients by values back, which is withheld where a cell is small."""
    return finding.fewest is None and not finding.coarse


def _excess(finding: Finding, end: float | None, unknown: float) -> float:
    """What `end` of a finding's interval lies beyond chance."""
    return unknown if end is None else end - finding.null
