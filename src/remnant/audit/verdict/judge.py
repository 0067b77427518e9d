"""The one rule of all verdicts: from findings and controls to outcomes, from outcomes and limits to the verdict.

Pure functions of rows. A finding is *exposed* where its interval lies beyond the null, its adjusted p is at most `LEVEL` and no
control speaks against it (`outcome`). Silence counts only where a control that could have failed did not. Limits are held
against the ends of intervals, never against estimates (`ruling`).
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

from remnant.audit.verdict.alike import groups_unchecked
from remnant.audit.verdict.outcome import excess, of_many_values
from remnant.audit.verdict.ruling import judged
from remnant.audit.verdict.words import ruling_sentence, told_for_certain, without_limit
from remnant.base.findings import Control, Finding, Judged, Limit, Ruling, Verdict
from remnant.measure.tpr import TIMES

CERTAIN = "tpr_at_lowest_fpr"


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
    return finding.outcome == "exposed" and excess(finding, finding.low, -math.inf) > limit.value


def _with_others(sentences: Sequence[str], controls: Sequence[Control]) -> list[str]:
    """The sentences, behind one of an attack that missed what was planted those of others that did."""
    able = {one.attack for one in controls if one.kind == "recipe" and one.passed}
    missed = [
        one for one in controls if one.kind in ("planted", "canary") and one.passed is False and one.attack not in able
    ]
    found = []
    for sentence in sentences:
        claims = {one.claim for one in missed if one.sentence == sentence}
        found += [sentence, *(one.sentence for one in missed if one.claim in claims)]
    return found


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
        max(some, key=lambda one: (of_many_values(one), excess(one, one.value, 0.0)))
        for some in (unheld, certain)
        if some
    ]
    return [told_for_certain(one) if one in certain else without_limit(one) for one in worst]


def _tenfold(finding: Finding) -> bool:
    """Whether there are so many beyond chance that ten of eleven who are told are members, of as many members as others."""
    return finding.value is not None and finding.value >= TIMES * finding.null


def _of_recipe(controls: Sequence[Control]) -> list[str]:
    recipes = [control for control in controls if control.kind == "recipe"]
    return [max(recipes, key=lambda control: control.value or 0.0).sentence] if recipes else []
