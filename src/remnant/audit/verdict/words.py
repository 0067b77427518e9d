"""Sentences of a verdict, made of rows: the field's terms, one number with its interval, at most 30 words."""

from collections.abc import Sequence

from remnant.base.findings import Finding, Judged, Limit, Ruling
from remnant.base.terms import (
    LIMITS,
    beyond_chance,
    by_chance,
    capital,
    digits_beside,
    least_of,
    measured,
    minus,
    seen_by,
    statistic_of,
)
from remnant.base.texts import enumerated, p_said
from remnant.measure.intervals import FEWEST_PATIENTS


def against(finding: Finding, limit: Limit, side: str, ending: str = "") -> str:
    """One finding held against a limit by its lower bound ("above") or by its interval; `side`: "above", "below", "wholly above"
    or "on both sides of"; `ending`: a sentence behind."""
    digits = digits_beside(finding, limit.value)
    what = f"The {statistic_of(finding)} is {measured(finding, digits)}"
    if finding.low is None and side != "above":
        return f"{what}: {finding.n} patients are too few for an interval."
    decides = "Its interval lies"
    if side == "above" and finding.bound_low is not None:
        decides = f"Its lower bound over all tests, {_bound(finding, digits)}, lies"
    return (
        f"{what} ({_chance(finding, digits)}{seen_by(finding)}). {decides} {side} the limit of "
        f"{limit.value:.2f}{' beyond chance' if finding.null else ''}.{ending}"
    )


def would_tell(patients: int | None, at_least: int | None = None, *, above: bool) -> str:
    """Behind a sentence of a limit that the interval's width leaves open: how many would tell, if the estimate holds, that
    the finding lies `above` it, or below; or that these are more than so many (`at_least`); empty for no number."""
    what = f"would tell whether it lies {'above' if above else 'below'} the limit, if the estimate stays as it is"
    if at_least:
        return f" More than {at_least:,} patients {what}."
    return f" About {patients:,} patients {what}." if patients else ""


def unreckoned(finding: Finding, limit: Limit, *, unfit: bool) -> str:
    """Behind such a sentence without a number: why there is none; `unfit`: the model does not fit its members. Empty where
    that is said already, of too few patients for an interval."""
    if finding.value is None or finding.high is None:
        return ""
    if unfit:
        return " No number of patients would tell: the model does not fit its members."
    unknown = " How many patients would tell is not known"
    if finding.value - finding.null == limit.value:
        return f"{unknown}: the estimate is the limit itself."
    if finding.statistic == "tpr_at_10_fpr":
        return f"{unknown}: non-members are too few to bound the threshold, so that the interval ends at 0 or 1."
    return f"{unknown}."


def unshown(unplanted: str) -> str:
    """Why silence clears nobody where no control was to show that the attack can succeed; `unplanted`: why none was planted."""
    why = f"no leak was planted ({unplanted})" if unplanted else "no planted leak was looked for"
    return f"Nobody knows whether the attack could have succeeded: {why}."


def exposed_below(finding: Finding | None) -> str:
    """Behind a sentence of a limit that is kept: that patients are exposed all the same, by another `finding` or by its own."""
    what = (
        "This finding"
        if finding is None
        else f"{capital(statistic_of(finding))} {measured(finding)} ({seen_by(finding)})"
    )
    return f" {what} is exposed all the same: a leak within the limit."


def exposed_few(finding: Finding, limit: Limit) -> str:
    """An exposure of so few patients that no interval can be held against the limit."""
    digits = digits_beside(finding, limit.value)
    what = f"{statistic_of(finding)} {measured(finding, digits)} ({_chance(finding, digits)}{seen_by(finding)})"
    return f"Patients are exposed: {what}. {finding.n} are too few for an interval: from {FEWEST_PATIENTS} a group there is one."


def _chance(finding: Finding, digits: int) -> str:
    """What chance gives and what is found beyond it, which is the number beside the limit; empty where chance gives 0."""
    if not finding.null or finding.value is None:
        return ""
    beyond = minus(f"{beyond_chance(finding, digits)['value']:.{digits}f}")
    return f"{by_chance(finding)}, {beyond} beyond; "


def not_surely(finding: Finding, limit: Limit) -> str:
    """Behind the sentence of a finding whose own interval lies above a limit: by all tests together it does not surely. What is
    exposed is no chance."""
    if finding.bound_low is not None and finding.bound_low - finding.null <= limit.value:
        bound = f"{_bound(finding, 2)}{' beyond chance' if finding.null else ''}"
        if finding.outcome == "exposed":
            return f" A leak is shown; that it lies above by all tests together is not: its lower bound is {bound}."
        return f" With all tests counted together its lower bound is {bound}, so that it may be chance."
    p = p_said(1.0 if finding.adjusted_p is None else finding.adjusted_p, bound=finding.p_bound)
    return f" With all tests counted together {p}, so that it may be chance."


def _bound(finding: Finding, digits: int) -> str:
    """The lower bound, beyond chance, of what there can be."""
    least = max(finding.bound_low or 0.0, least_of(finding.statistic))
    return minus(f"{round(least, digits) - round(finding.null, digits):.{digits}f}")


def shown_of_few() -> str:
    """Behind the sentence of a finding whose p shows a leak and whose interval holds chance as well."""
    return " A leak is shown, of too few patients to say how large it is at the least."


def not_measured(limit: Limit, why: str = "") -> str:
    """Why a limit has no finding; `why`: what kept an attack that measures it from being run."""
    # A folder of trained folds has no audit.toml. Page one leaves out what is behind the colon.
    leave = f"Or ask for no such limit beforehand: `{limit.name} = false` in [appetite] (audit.toml or --config)."
    why = why or ("give age or sex" if limit.name == "attribute" else "")
    return f"No attack that applies measures {LIMITS[limit.name]}{f'; {why}' if why else ''}. {leave}"


def ruling_sentence(ruling: Ruling, held: Sequence[Judged], *, kept: bool = False, shown: bool = False) -> str:
    """The verdict in one sentence; `kept`: something beside the limits keeps it open, which no number of patients mends. `shown`:
    an exposed finding's own interval lies above a limit, so that only whether the model is outside is open."""
    if ruling == "outside":
        passed = [LIMITS[one.limit] for one in held if one.ruling == "outside"]
        return f"Outside the risk appetite: {enumerated(passed)} {'is' if len(passed) == 1 else 'are'} above the limit."
    if ruling == "within":
        tested = enumerated([LIMITS[one.limit] for one in held])
        return f"Within the risk appetite, against the attacks that were run: {tested}."
    if not held:
        return "Cannot tell: the risk appetite asks for nothing."
    undecided = [one for one in held if one.ruling == "cannot tell"]
    passing = [(one.patients, LIMITS[one.limit]) for one in undecided if one.patients and one.above]
    needed = [one.patients for one in undecided if one.patients]
    more = ""
    if passing:
        patients, limit = min(passing)
        more = f" About {patients:,} patients would tell whether it is outside, by {limit}, if the estimate stays as it is."
    elif needed and len(needed) == len(undecided) and not kept:
        more = f" About {max(needed):,} patients would tell whether it is within, if the estimates stay as they are."
    if shown:
        what = "by a 95% interval it is, by all tests together that is not shown"
        return f"Cannot tell whether the model is outside the risk appetite: {what}.{more}"
    return f"Cannot tell whether the model is within the risk appetite.{more}"


def without_limit(finding: Finding) -> str:
    """Why an exposed finding that no limit is held against keeps a model from being cleared."""
    what = f"{statistic_of(finding)} is {measured(finding)}"
    return f"The {what} ({seen_by(finding)}), and the risk appetite sets no limit on it."


def told_for_certain(finding: Finding) -> str:
    """Why some members whom an attack tells with hardly a false alarm keep a model from being cleared."""
    return (
        f"The {statistic_of(finding)} is {measured(finding)}, {by_chance(finding)} ({seen_by(finding)}): "
        "some members are told with hardly a false alarm. No limit allows that: lessen it by another training."
    )
