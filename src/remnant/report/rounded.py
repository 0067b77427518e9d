"""Numbers of findings and controls as the page says them: their further digits give back the counts that they are made of.

The upper end of a membership advantage is that of one threshold, and of 127 members and 43 non-members one pair of counts alone
gives it to its last digit. So does an exact p.
"""

import math
from collections.abc import Sequence

from remnant.base.findings import Control, Finding, Limit
from remnant.base.results import Row
from remnant.base.terms import digits_beside
from remnant.base.texts import p_number

# Of counts that are withheld where they are small, and whose interval and p come of nothing else; a rate at 10% FPR is read
# between thresholds that are not told.
COUNTS = {"rank1", "fold_rank", "tpr_at_lowest_fpr"}
ENDS = ("value", "low", "high", "bound_low", "detectable")
LEAST_P = 0.001  # that a page tells


def as_said(finding: Finding, limits: Sequence[Limit]) -> Finding:
    """The finding with numbers of two digits after the point, or of three where a limit needs them, and p as a table has it."""
    if finding.statistic in COUNTS:
        return finding
    digits = max([2, *(digits_beside(finding, one.value) for one in limits if one.statistic == finding.statistic)])
    tied = finding.tied
    bound = finding.p_bound or (finding.adjusted_p is not None and finding.adjusted_p < LEAST_P)
    return finding.model_copy(
        update={
            **{name: _rounded(getattr(finding, name), digits) for name in ENDS},
            # Upwards, so that scores of few values stay such.
            "tied": None if tied is None else math.ceil(100 * tied - 1e-9) / 100,
            "p": _p(finding.p, bound),
            "adjusted_p": _p(finding.adjusted_p, bound),
            "p_bound": bound,
        }
    )


def control_as_said(control: Control) -> Control:
    """The control with numbers of two digits after the point, and p as a table has it."""
    if control.statistic in COUNTS:
        return control
    bound = control.p_bound or (control.p is not None and control.p < LEAST_P)
    ends = {name: _rounded(getattr(control, name), 2) for name in ("value", "low", "high")}
    return control.model_copy(update={**ends, "p": _p(control.p, bound), "p_bound": bound})


def without_shared_p(findings: Sequence[Finding], withheld: Sequence[Finding]) -> list[Finding]:
    """The findings, without an adjusted p that one of the `withheld` has as well: Holm's is the largest of those before it, so
    that it may be that one's."""
    gone = {one.adjusted_p for one in withheld if one.adjusted_p is not None and one.adjusted_p < 1}
    return [one.model_copy(update={"adjusted_p": None}) if one.adjusted_p in gone else one for one in findings]


def rows_as_said(rows: Sequence[Row]) -> list[Row]:
    """The rows of a table with numbers of three digits after the point, or of two digits where these begin further behind it."""
    return [
        {name: _few_digits(value) if isinstance(value, float) else value for name, value in row.items()} for row in rows
    ]


def _few_digits(value: float) -> float:
    return round(value, 3) if abs(value) >= 0.01 else float(f"{value:.2g}")


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)


def _p(p: float | None, bound: bool) -> float | None:
    if p is None:
        return None
    told = p_number(p, bound=bound).lstrip("<≤")
    # What a page tells apart from a level by further digits is rounded away from it: these digits are a count, too.
    return max(LEAST_P, float(told)) if len(told) <= len("0.001") else math.ceil(1000 * p) / 1000
