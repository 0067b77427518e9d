"""Controls: measurements whose answer is known if all is as it should be, each with its outcome in one sentence."""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np
from scipy.stats import norm

from remnant.audit.findings.given import BlindKnowledge, words
from remnant.audit.findings.rows import ScoredPatients, named
from remnant.audit.verdict.outcome import LEVEL as RECIPE_LEVEL
from remnant.base.findings import Control
from remnant.base.texts import p_said
from remnant.measure.auc import auc_p_above, mann_whitney_auc
from remnant.measure.blind import WAYS
from remnant.measure.intervals import Interval
from remnant.measure.membership_inference import MembershipTest, membership_test
from remnant.measure.swaps import SwapTest

# Of patients who are known far better by heart than the model's own, an attack must find nearly all. Of those who are known as
# its own are, and as strangers are not, some look like whomever the model answers surely and right: half the way is enough.
PLANTED_AUC, LIKE_MEMBERS_AUC = 0.95, 0.75
PLANTED_LEVEL = 0.01  # of a one-sided p
# Planted patients, of fewer of whom no attack is said to find such: of two among thousands p is small, and two are no share.
FEWEST_PLANTED = 5
MISSED = {"planted": "Planted members", "canary": "Canaries"}  # whom a sentence calls so, by the kind of control
CONTROL_LEVEL = 0.05  # two-sided, at which groups that should be alike are taken to differ


def blind_control(test: MembershipTest, given: BlindKnowledge, groups: str = "the groups") -> Control:
    """The control of a classifier that never saw the model, by `measure.blind.blind_test`, whose p is one-sided. `given`: what it
    knew, and of how many. `groups`: which ones it is to distinguish, in words.

    None where nothing was found and of too few patients anything is known; what would have been seen is told of those of whom it
    is, and columns known of too few are not among what it was given.
    """
    if test.p <= CONTROL_LEVEL / 2:
        most = f", most by {given.unlike}" if given.unlike else ""
        what, said = words((*given.enough, *given.thin), images=given.images), p_said(test.p, bound=test.p_bound)
        return _of_test(
            "blind",
            test,
            False,
            f"Given {what}, a classifier that never saw the model distinguishes {groups} (AUC {auc_said(test.auc)}; {said}). "
            f"They differ by themselves{most}; p is of the most telling of {WAYS} tests.",
            targets=given.targets,
        )
    if not given.tells:
        return _of_test("blind", test, None, given.lacking, (given.members, given.non_members), given.targets)
    known = replace(test, members=given.members, non_members=given.non_members)
    sentence = (
        f"Given {words(given.enough, images=given.images)}, a classifier that never saw the model does not distinguish {groups} "
        f"(AUC {auc_said(test.auc)}; {known.detectable(CONTROL_LEVEL / WAYS):.2f} detectable)."
    )
    if test.auc.high < 0.5:
        sentence += (
            " It is wrong more often than right, as a guess that was learned from few may be: that shows no difference."
        )
    left_out = f" Of {words(given.thin)} too little is known to count." if given.thin else ""
    return _of_test("blind", test, True, sentence + left_out, (given.members, given.non_members), given.targets)


def null_control(scores: ScoredPatients, seeds: np.random.Generator, *, what: str) -> Control:
    """The control of scores that cannot know who is a member; `what` they are of, a noun phrase."""
    test = membership_test(scores.scores, scores.roles, seeds)
    passed = test.p > CONTROL_LEVEL
    does = "does not distinguish" if passed else "distinguishes"
    sentence = f"{what[0].upper()}{what[1:]} {does} members from non-members (AUC {auc_said(test.auc)})."
    return _of_test("null", test, passed, sentence)


def planted_control(
    attack: str,
    planted: np.ndarray,
    non_members: np.ndarray,
    *,
    looks: int = 1,
    dose: str = "",
    learned: bool = True,
    asked: float = PLANTED_AUC,
    stronger: str = "",
) -> Control:
    """Whether an attack finds patients made to be remembered: `planted` (k,) scores against those of `non_members` (n,), the best
    of so many `looks`. `dose`: how well they are remembered, in words; `learned`: whether that is as well as was asked.
    `stronger`: what the owner may add that shows more, a sentence.

    It passes with an AUC of `asked` that chance does not give (exact p, times the looks), and fails with a lower one. None
    where fewer than `FEWEST_PLANTED` are planted, or so few that chance might, or where an attack that misses them may be
    missing what is not there.
    """
    found = mann_whitney_auc(planted, non_members)
    k, n = len(planted), len(non_members)
    p = min(1.0, looks * auc_p_above(planted, non_members))
    seen, tells = found.mean >= asked, k >= FEWEST_PLANTED and looks / math.comb(k + n, k) <= PLANTED_LEVEL
    passed = None
    auc, when = f"AUC {found.mean:.2f}", f" {dose}" if dose else ""
    few = f"{k} planted against {n} others are too few to tell whether the attack finds them"
    # Of a model the audit chooses who is planted; of a table its owner.
    mend = f" Give more non-members: a quarter of them is planted. They were looked for {dose}." if dose else ""
    if tells and seen and p > PLANTED_LEVEL:
        times = _times_needed(p / looks, looks)
        sentence = f"{few} ({auc}, asked {asked:.2f}; {p_said(p)}, asked {PLANTED_LEVEL:g})." + (
            f" About {math.ceil(times * k)} against {math.ceil(times * n)} would tell.{mend}"
        )
    elif not tells:
        enough = next(i for i in itertools.count(FEWEST_PLANTED) if looks / math.comb(2 * i, i) <= PLANTED_LEVEL)
        sentence = f"{few} ({auc}, asked {asked:.2f}). {enough} against {enough} would tell.{mend}"
    elif seen:
        passed, sentence = True, f"Planted members are found ({auc}, asked {asked:.2f}; {k} planted){when}."
    elif learned:
        passed = False
        missed = f"Planted members are not found ({auc}, asked {asked:.2f}; {k} planted){when}"
        # Where a network generalises, strangers look as well known as they.
        sentence = f"{missed}: the attack is too weak to clear anybody. {stronger}".rstrip()
    else:
        sentence = f"Planted members are not found ({auc}) {dose}: raise planted_steps."
    return Control(
        kind="planted",
        claim="patient_scores",
        attack=attack,
        **named(found),
        p=None if math.isnan(p) else p,
        n=found.n,
        fewest=min(k, n),
        passed=passed,
        sentence=sentence,
    )


def _times_needed(p: float, looks: int) -> float:
    """How many times as many patients would bring the one-sided `p` of one of so many `looks` to `PLANTED_LEVEL`, were the AUC to
    stay: its standard error falls with the square root of their number."""
    return float((norm.isf(PLANTED_LEVEL / looks) / norm.isf(min(p, 0.49))) ** 2)


def recipe_control(attack: str, views: Sequence[SwapTest]) -> Control:
    """Whether an attack sees what the owner's training leaves of its patients, by `swap_test` of each of its `views`.

    It passes where one of them is above chance with p, times the number of views, at most `judge.LEVEL`. It never fails: where
    it does not pass the training may leave nothing to see, and whether the attack could see it another control has to tell.
    """
    best = min(views, key=lambda test: (test.auc.mean <= 0.5, test.p, -test.auc.mean))
    p = min(1.0, len(views) * best.p)
    passed = True if best.auc.mean > 0.5 and p <= RECIPE_LEVEL else None
    does, lower = ("distinguishes", "") if passed else ("does not distinguish", "")
    if p <= RECIPE_LEVEL and best.auc.mean < 0.5:
        # As the gradient of a training that was stopped early: it is seen, and not as the attack takes it.
        does, lower = "scores", " lower than others"
    networks = len(best.by_network)
    return Control(
        kind="recipe",
        claim="patient_scores",
        attack=attack,
        **named(best.auc),
        p=p,
        p_bound=best.p_bound,
        n=best.auc.n,
        passed=passed,
        sentence=f"Of {networks} networks trained the same way on known halves, the attack {attack!r} {does} who trained them"
        f"{lower} (mean AUC {auc_said(best.auc)}).",
    )


def controls_in(found: Mapping[str, dict[str, Any]], *, drawn: bool) -> list[Control]:
    """What the cells returned of controls; where candidates were `drawn`, groups that are alike are asked of them, too."""
    controls = reconciled([Control(**one) for cell in found.values() for one in cell.get("controls", [])])
    blind = [one for one in controls if one.kind == "blind" and one.claim == "patient_scores"]
    return controls + [one.model_copy(update={"claim": "candidates"}) for one in blind if drawn]


def reconciled(controls: Sequence[Control]) -> list[Control]:
    """All of them, where planted members and canaries whom an attack misses no longer speak for its being too weak if it passed
    its recipe."""
    seen = {control.attack for control in controls if control.kind == "recipe" and control.passed}

    def said(control: Control) -> Control:
        if control.kind not in MISSED or control.passed is not False or control.attack not in seen:
            return control
        who = f"{MISSED[control.kind]} are not found (AUC {control.value:.2f})"
        sentence = f"{who}, but who trained networks of the same training is."
        return control.model_copy(update={"sentence": sentence})

    return [said(control) for control in controls]


def _of_test(
    kind: Literal["blind", "null"],
    test: MembershipTest,
    passed: bool | None,
    sentence: str,
    groups: tuple[int, int] | None = None,
    targets: int = 1,
) -> Control:
    """`groups`: how many members and non-members it is of, where not all that were tested. Each of the `targets` is asked about
    every patient, who counts as one."""
    groups = groups or (test.members, test.non_members)
    return Control(
        kind=kind,
        claim="patient_scores",
        **named(test.auc),
        p=test.p,
        p_bound=test.p_bound,
        n=sum(groups) // targets,
        fewest=min(groups),
        passed=passed,
        sentence=sentence,
    )


def auc_said(auc: Interval) -> str:
    """Of an AUC the digits that a sentence has, with its interval where there is one."""
    return f"{auc.mean:.2f}" + ("" if math.isnan(auc.low) else f" [{auc.low:.2f}, {auc.high:.2f}]")
