"""Sentences of a verdict, made of rows: the field's terms, one number with its interval, at most 30 words."""

from collections.abc import Sequence

from remnant.base.findings import Finding, Judged, Limit, Ruling
from remnant.base.texts import p_said

STATISTICS = {
    "auc": "AUC",
    "advantage": "membership advantage",
    "tpr_at_10_fpr": "true positive rate at 10% FPR",
    "fold_rank": "patients whose own model fits worst",
    "rank1": "reconstructions identified at rank 1",
    "verification_auc": "AUC of same patient or not",
    "skill": "patients whose attribute is read",
}
LIMITS = {
    "identification": "identification beyond chance",
    "membership_advantage": "membership advantage",
    "membership_tpr": "true positive rate at 10% FPR, beyond 10%",
    "attribute": "attributes read beyond the base rate",
}
DECISION_SUPPORT = "Decision support, not a determination."


def measured(finding: Finding) -> str:
    """ "0.31 [0.20, 0.42]", as the finding's statistic is written."""
    if finding.value is None:
        return "not measured"
    interval = "" if finding.low is None or finding.high is None else f" [{finding.low:.2f}, {finding.high:.2f}]"
    return f"{finding.value:.2f}{interval}"


def against(finding: Finding, limit: Limit, side: str) -> str:
    """One finding held against a limit; `side`: "above", "below", or "on both sides of"."""
    chance = f"{finding.null:.2f} by chance; " if finding.null else ""
    if finding.low is None and side != "above":
        return f"The {STATISTICS[finding.statistic]} is {measured(finding)}: {finding.n} patients are too few for an interval."
    return (
        f"The {STATISTICS[finding.statistic]} is {measured(finding)} ({chance}{finding.view}); it lies {side} the limit of "
        f"{finding.null + limit.value:.2f}."
    )


def finding_sentence(finding: Finding) -> str:
    """What a finding is, with its p."""
    p = "" if finding.adjusted_p is None else f", {p_said(finding.adjusted_p, bound=finding.p_bound)} after Holm"
    return f"{finding.attack}, {finding.view}: {STATISTICS[finding.statistic]} {measured(finding)}{p}."


def ruling_sentence(ruling: Ruling, held: Sequence[Judged]) -> str:
    """The verdict in one sentence."""
    if ruling == "outside":
        passed = [LIMITS[one.limit] for one in held if one.ruling == "outside"]
        return (
            f"Outside the risk appetite: {' and '.join(passed)} {'is' if len(passed) == 1 else 'are'} above the limit."
        )
    if ruling == "within":
        return "Within the risk appetite, against the attacks that were run."
    if not held:
        return "Cannot tell: the risk appetite asks for nothing."
    needed = [one.patients for one in held if one.patients]
    open_ones = sum(one.ruling == "cannot tell" for one in held)
    more = f" About {max(needed):,} patients would tell." if needed and len(needed) == open_ones else ""
    return f"Cannot tell whether the model is within the risk appetite.{more}"
