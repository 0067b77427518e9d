"""What of findings and controls is withheld outside the house, of few patients, and which sentences tell it as well."""

import re
from collections.abc import Sequence

from remnant.base.findings import AuditResults, Control, Finding
from remnant.base.terms import measured, statistic_of
from remnant.report.audit_rows import control_name, control_outcome
from remnant.report.few import counts_few, share_small, small
from remnant.report.few_rows import is_count

RATES = ("tpr_at_10_fpr", "tpr_at_lowest_fpr")
# Statistics that are a count of patients divided by `n`, or, of the rates, by the members. Their ties are broken at random.
SHARES = {"rank1", "fold_rank", *RATES}
# "8.25 of 144 patients", where models that are equally bad share one.
PART_OF = re.compile(r"(\d+\.\d+) of (\d[\d,]*) patients\b")
NUMBERS = ("n", "value", "low", "high", "bound_low", "p", "adjusted_p", "detectable", "tied", "fewest")


def finding_told(finding: Finding, smallest: int, why: str) -> Finding:
    """The finding, its numbers withheld where a group has fewer patients, or its value is a share that counts fewer."""
    if not any(few(finding, smallest) for few in (of_few, of_few_values, _few_of_many)):
        return finding
    return finding.model_copy(update=dict.fromkeys(NUMBERS) | {"p_bound": False, "counts": why, "outcome": None})


def of_few(finding: Finding, smallest: int) -> bool:
    """Whether a group, or a cell of it, has fewer patients."""
    if 0 < (finding.n or 0) < smallest:
        return True
    if part := PART_OF.match(finding.counts):
        return small(float(part[1]), smallest, int(part[2].replace(",", "")))
    # Of an attribute nobody or everybody who is read rightly tells what each of them has.
    return counts_few(finding.counts, smallest, nobody=finding.claim == "attributes")


def of_few_values(finding: Finding, smallest: int) -> bool:
    """Whether the value is of scores of so few values that it gives a table of counts back, with a cell of fewer patients.

    An older version did not say how many are in the cells.
    """
    if finding.fewest is None:
        return finding.coarse and smallest > 1
    return finding.fewest < smallest


def control_told(control: Control, results: AuditResults, smallest: int, why: str) -> Control:
    """The control, its numbers withheld where its smaller group, or one of a finding on which it bears, has fewer patients."""
    groups = [control.n, control.fewest]
    if control.kind == "planted" and is_count(results.cohort.get("planted")):
        groups.append(results.cohort["planted"])
    share = control.statistic in SHARES and control.value is not None and control.n is not None
    few = (
        any(count is not None and 0 < count < smallest for count in groups)
        or counts_few(control.sentence, smallest)
        or (share and share_small(control.value, 0.0, control.n, smallest))
        or any(of_few(finding, smallest) for finding in results.findings if _bears(control, finding))
    )
    if not few:
        return control
    outcome = f"{control_outcome(control)}; its numbers are {why}"
    said = {"sentence": f"The control '{control_name(control)}': {outcome}.{_so(control)}", "p_bound": False}
    return control.model_copy(update=dict.fromkeys(("value", "low", "high", "p", "n", "fewest")) | said)


def _so(control: Control) -> str:
    """What follows from a control that did not pass, behind its outcome."""
    if control.passed or control.kind == "recipe":
        return ""
    if control.kind == "fit":
        doubt = "" if control.passed is False else " perhaps"
        return f" The model{doubt} does not answer as it was trained to, so that silence clears nobody."
    if control.kind in ("planted", "canary"):
        missed = "The attack missed what was planted" if control.passed is False else "Nobody knows what it would find"
        return f" {missed}, so that its silence clears nobody."
    if control.passed is False:
        return " The groups differ without the model, so that what tells them apart shows nothing."
    return " Nobody showed the groups to be alike."


def telling(results: AuditResults, findings: Sequence[Finding], controls: Sequence[Control]) -> set[str]:
    """Parts of sentences that tell what was withheld from `findings` and `controls`.

    What the verdict says of a limit is held back with the finding that decides it, unless the same is said of a finding or a
    control that is told: such as why an attack clears nobody, which is no number of the finding.
    """
    parts = set()
    for before, after in zip(results.findings, findings, strict=True):
        if before != after and before.low is not None:
            # A limit may be held against another digit, and an older version told ends beyond what there can be.
            parts |= {measured(before, digits, clipped=clipped) for digits in (2, 3) for clipped in (True, False)}
        elif before != after and before.value is not None:
            parts |= {f"{statistic_of(before)} {verb}{measured(before)}" for verb in ("", "is ")}
        if before != after and before.coarse:
            parts.add(f"{before.tied:.0%} of pairs")
    for control, told in zip(results.controls, controls, strict=True):
        parts |= {control.sentence} if control != told else set()
    judged = results.verdict.judged
    open_to_all = {control.sentence for control in controls}
    open_to_all |= {one.sentence for one in judged if not withheld(one.finding, results, findings)}
    return parts | {one.sentence for one in judged if one.sentence not in open_to_all}


def withheld(place: int | None, results: AuditResults, findings: Sequence[Finding]) -> bool:
    """Whether the finding at this place was withheld from `findings`."""
    return place is not None and findings[place] != results.findings[place]


def _few_of_many(finding: Finding, smallest: int) -> bool:
    """Whether the value is a share that counts few patients.

    Of a rate nobody or everybody is such a share, beside the non-members on the same side of its threshold: who is there, or is
    not, is known by it to be of the other group.
    """
    if finding.statistic not in SHARES or finding.value is None:
        return False
    if finding.statistic in RATES and smallest > 1 and finding.value in (0.0, 1.0):
        return True
    total = members_of(finding) if finding.statistic in RATES else finding.n
    return total is not None and share_small(finding.value, 0.0, total, smallest, between=True)


def members_of(finding: Finding) -> int | None:
    """How many members a finding is of, as its counts say."""
    found = re.match(r"([\d,]+) members?\b", finding.counts)
    return int(found[1].replace(",", "")) if found else None


def _bears(control: Control, finding: Finding) -> bool:
    """Whether a control is of the patients of a finding. How many of all were identified is no group, and the fit is of members
    alone."""
    same = control.attack in ("", finding.attack) and control.claim in (None, finding.claim)
    return same and control.kind != "fit" and finding.statistic not in SHARES
