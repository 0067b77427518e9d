"""The tier of an audit's results that may leave the house: aggregates alone, no number of few patients, no pseudonym, no path."""

from pathlib import Path
from typing import Any

from remnant.base.errors import RemnantError
from remnant.base.files import write_text
from remnant.base.findings import AuditResults, Control, Finding, Verdict
from remnant.base.results import Row, Section, Value
from remnant.report.audit import render_audit
from remnant.report.disclosure import told_tables, without_folders, without_pseudonyms
from remnant.report.few import bound, counts_few, share_small, small
from remnant.report.few_rows import is_count

NO_PATIENTS = {"images", "scans", "rows"}  # what of a cohort counts something else
SHARES = {"rank1", "fold_rank"}  # statistics that are a count of patients divided by `n`
NUMBERS = ("value", "low", "high", "bound_low", "p", "adjusted_p", "detectable")


def make_egress(run: Path) -> Path:
    """Write RUN/egress: results.json, the report and its figures; return the report.

    Raises `RemnantError` where results.json is not there or not one of an audit, and where too few patients were audited.
    """
    told = told_outside(AuditResults.read(run / "results.json"))
    folder = run / "egress"
    page = render_audit(folder, told)
    told.write(folder / "results.json")
    write_text(folder / "report.html", page)
    return folder / "report.html"


def told_outside(results: AuditResults) -> AuditResults:
    """The results without what speaks of fewer patients than their minimum cell, with the reason in its place."""
    smallest, patients = results.minimum_cell, results.cohort.get("patients")
    if is_count(patients) and patients < smallest:
        raise RemnantError(
            f"{patients} patients were audited, fewer than the minimum cell of {smallest}, so that nothing of them may leave; "
            "audit more patients."
        )
    why = f"withheld: fewer than {smallest} patients"
    findings = [_finding(one, smallest, why) for one in results.findings]
    controls = [_control(one, results, smallest, why) for one in results.controls]
    withheld = {before.sentence for before, after in zip(results.controls, controls, strict=True) if before != after}
    balanced = [_balance(row, results, smallest) for row in results.tables.get("balance", [])]
    tables, sections, left_out, sizes = told_tables(
        {name: rows for name, rows in results.tables.items() if name not in ("balance", "roc")},
        results.sections,
        smallest,
        {value for value in results.cohort.values() if is_count(value)},
    )
    few = {(one.attack, one.view) for one in findings if one.outcome is None}
    curves = [row for row in results.tables.get("roc", []) if (row["attack"], row["view"]) not in few]

    def said(texts: list[str]) -> list[str]:
        return list(dict.fromkeys(f"{why.capitalize()}." if counts_few(one, smallest, sizes) else one for one in texts))

    gone = [f"Left out: {one}." for one in left_out]
    changed = {
        "cohort": {name: _counted(name, value, results, smallest) for name, value in results.cohort.items()},
        "findings": findings,
        "controls": controls,
        "verdict": _verdict(results, findings, withheld, smallest, why),
        "notices": [
            *said(results.notices),
            f"For release: numbers of fewer than {smallest} patients, pseudonyms and paths are withheld.",
        ],
        "not_tested": said(results.not_tested),
        "tables": {**tables, **({"balance": balanced} if balanced else {}), **({"roc": curves} if curves else {})},
        "sections": [*sections, *([Section(title="Withheld", text=gone)] if gone else [])],
    }
    return AuditResults.model_validate(without_pseudonyms(_cleaned(results.model_copy(update=changed).model_dump())))


def _finding(finding: Finding, smallest: int, why: str) -> Finding:
    """The finding, its numbers withheld where a group has fewer patients, or its value is a share that counts fewer."""
    share = finding.statistic in SHARES and finding.value is not None
    if not _of_few(finding, smallest) and not (
        share and share_small(finding.value, 0.0, finding.n, smallest, between=True)
    ):
        return finding
    number = {"n": finding.n if finding.n >= smallest else 0}
    return finding.model_copy(update=dict.fromkeys(NUMBERS) | number | {"counts": why, "outcome": None})


def _of_few(finding: Finding, smallest: int) -> bool:
    """Whether a group, or a cell of it, has fewer patients."""
    return 0 < finding.n < smallest or counts_few(finding.counts, smallest)


def _control(control: Control, results: AuditResults, smallest: int, why: str) -> Control:
    """The control, its numbers withheld where its smaller group, or one of a finding on which it bears, has fewer patients."""
    groups = [control.n, control.fewest]
    if control.kind == "planted" and is_count(results.cohort.get("planted")):
        groups.append(results.cohort["planted"])
    share = control.statistic in SHARES and control.value is not None and control.n is not None
    few = (
        any(count is not None and 0 < count < smallest for count in groups)
        or counts_few(control.sentence, smallest)
        or (share and share_small(control.value, 0.0, control.n, smallest))
        or any(_of_few(finding, smallest) for finding in results.findings if _bears(control, finding))
    )
    if not few:
        return control
    said = {"sentence": f"The numbers of this control are {why}."}
    return control.model_copy(update=dict.fromkeys(("value", "low", "high", "p", "n", "fewest")) | said)


def _bears(control: Control, finding: Finding) -> bool:
    """Whether a control is of the patients of a finding. How many of all were identified is no group, and the fit is of members
    alone."""
    same = control.attack in ("", finding.attack) and control.claim in (None, finding.claim)
    return same and control.kind != "fit" and finding.statistic not in SHARES


def _verdict(results: AuditResults, findings: list[Finding], withheld: set[str], smallest: int, why: str) -> Verdict:
    """The verdict, which stays, without sentences that tell what was withheld."""
    verdict = results.verdict
    gone = withheld | {
        one.sentence
        for one in verdict.judged
        if one.finding is not None and findings[one.finding] != results.findings[one.finding]
    }
    sizes = {value for value in results.cohort.values() if is_count(value)}

    def said(text: str) -> str:
        return f"{why.capitalize()}." if text in gone or counts_few(text, smallest, sizes) else text

    return verdict.model_copy(
        update={
            "sentence": said(verdict.sentence),
            "reasons": list(dict.fromkeys(map(said, verdict.reasons))),
            "judged": [one.model_copy(update={"sentence": said(one.sentence)}) for one in verdict.judged],
        }
    )


def _balance(row: Row, results: AuditResults, smallest: int) -> Row:
    """A trait of both groups; nothing but its name where few are known, or few have it."""
    for side in ("members", "non_members"):
        known, value = row[f"{side}_known"], row[side]
        few = small(known, smallest, results.cohort.get(side))
        if few or (value is not None and 0 < value < 1 and share_small(value, 0.0, known, smallest)):
            return dict.fromkeys(row) | {"trait": row["trait"]}
    return row


def _counted(name: str, value: Value, results: AuditResults, smallest: int) -> Value:
    total = results.cohort.get("patients")
    if not is_count(value) or not is_count(total) or name in NO_PATIENTS or not small(value, smallest, total):
        return value
    return bound(value, smallest, total)


def _cleaned(value: Any) -> Any:
    """All texts without folders of this machine."""
    if isinstance(value, dict):
        return {_cleaned(name): _cleaned(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_cleaned(item) for item in value]
    return without_folders(value) if isinstance(value, str) else value
