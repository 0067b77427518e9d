"""How many patients would tell whether a finding lies within a limit: a forecast, from how wide its interval is now."""

import math

from remnant.base.findings import Finding, Limit

# Of a forecast no more than so many patients are named, or so many times those that there are: beyond, the estimate lies so near
# the limit that its own error decides.
MOST_PATIENTS = 100_000
MOST_TIMES = 100


def patients_that_tell(finding: Finding, limit: Limit) -> int | None:
    """About how many patients, dealt to the groups as these, would bring the end that decides to the limit; None for no number.

    That is the upper end of the interval, or, above the limit, the lower one of all findings together. Both narrow with the
    square root of the number of patients; the estimate is taken for the truth. None beyond `MOST_PATIENTS` and `MOST_TIMES`, and
    of a rate whose end lies at 0 or 1: there so few non-members leave its threshold anywhere, and the end does not move at all
    until they are enough to bound it.
    """
    return told_of(needed_of(finding, limit), finding)


def needed_of(finding: Finding, limit: Limit) -> float | None:
    """The estimate itself, of however many; None as in `patients_that_tell`, but for `most_of`."""
    if finding.value is None or finding.bound_low is None or finding.high is None:
        return None
    away = finding.value - finding.null - limit.value
    end, half = (
        (finding.high, finding.high - finding.value)
        if away < 0
        else (finding.bound_low, finding.value - finding.bound_low)
    )
    unbounded = finding.statistic == "tpr_at_10_fpr" and min(end, 1 - end) < 1e-9
    if away == 0 or half <= 0 or unbounded:
        return None
    return finding.n * (half / away) ** 2


def most_of(finding: Finding) -> int:
    """More patients than these no forecast names."""
    return min(MOST_PATIENTS, MOST_TIMES * finding.n)


def told_of(needed: float | None, finding: Finding) -> int | None:
    """The estimate as it is told: in two digits, never fewer than there were; None where it is beyond `most_of`."""
    if needed is None or needed > most_of(finding):
        return None
    return max(finding.n + 1, round_up(needed))


def round_up(patients: float) -> int:
    """To two digits: it is a forecast."""
    step = 10 ** max(0, int(math.log10(max(patients, 1))) - 1)
    return math.ceil(patients / step) * step
