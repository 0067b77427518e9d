"""The tier of an audit's results that may leave the house: aggregates alone, no number of few patients, no pseudonym, no path."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from remnant.base.errors import RemnantError
from remnant.base.files import write_text
from remnant.base.findings import TABLE_SHA256, AuditResults, Finding, Verdict
from remnant.base.results import Row, Section, Value
from remnant.report.audit import render_audit
from remnant.report.disclosure import told_tables, without_folders, without_pseudonyms
from remnant.report.few import bound, counts_few, share_small, small
from remnant.report.few_rows import is_count
from remnant.report.withheld import control_told, curve_told, finding_told, of_few, row_told, telling, withheld

NO_PATIENTS = {"images", "scans", "rows"}  # what of a cohort counts something else


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
    findings = [finding_told(one, smallest, why) for one in results.findings]
    controls = [control_told(one, results, smallest, why) for one in results.controls]
    few = [one for one in results.findings if of_few(one, smallest)]
    # The p of each of its nulls gives the count back.
    ranks = any(
        one.statistic == "fold_rank" and withheld(place, results, findings)
        for place, one in enumerate(results.findings)
    )
    balanced = [_balance(row, results, smallest) for row in results.tables.get("balance", [])]
    tables, sections, left_out, sizes = told_tables(
        {
            name: [row_told(row, few) for row in rows]
            for name, rows in results.tables.items()
            if name not in ("balance", "roc", *(["fold_rank"] if ranks else []))
        },
        results.sections,
        smallest,
        {value for value in results.cohort.values() if is_count(value)},
    )
    curves = curve_told(results.tables.get("roc", []), results.findings, smallest)

    parts = telling(results, findings, controls)

    def said(text: str) -> str:
        tells = counts_few(text, smallest, sizes) or any(part in text for part in parts)
        return f"{why.capitalize()}." if tells else text

    def all_said(texts: list[str]) -> list[str]:
        return list(dict.fromkeys(map(said, texts)))

    gone = [f"Left out: {one}." for one in left_out]
    changed = {
        # Who knows all of a table but a value would find it by the hash.
        "model": {name: value for name, value in results.model.items() if name != TABLE_SHA256},
        "cohort": {name: _counted(name, value, results, smallest) for name, value in results.cohort.items()},
        "findings": findings,
        "controls": controls,
        "verdict": _verdict(results, findings, said),
        "notices": [
            *all_said(results.notices),
            f"For release: numbers of fewer than {smallest} patients, pseudonyms and paths are withheld.",
        ],
        "not_tested": all_said(results.not_tested),
        "tables": {**tables, **({"balance": balanced} if balanced else {}), **({"roc": curves} if curves else {})},
        "sections": [
            *(one.model_copy(update={"text": [text for text in one.text if said(text) == text]}) for one in sections),
            *([Section(title="Withheld", text=gone)] if gone else []),
        ],
    }
    return AuditResults.model_validate(without_pseudonyms(_cleaned(results.model_copy(update=changed).model_dump())))


def _verdict(results: AuditResults, findings: list[Finding], said: Callable[[str], str]) -> Verdict:
    """The verdict, which stays, without sentences that tell what was withheld; `said`: a text, or that it is withheld.

    How many patients would tell is reckoned from the finding that decides, and goes with it.
    """
    verdict = results.verdict
    judged = [
        one.model_copy(update={"patients": None} if withheld(one.finding, results, findings) else {})
        for one in verdict.judged
    ]
    forecasts = [
        f"About {one.patients:,} patients"
        for one, told in zip(verdict.judged, judged, strict=True)
        if one.patients is not None and told.patients is None
    ]
    sentences = re.split(r"(?<=\.) ", verdict.sentence)
    return verdict.model_copy(
        update={
            "sentence": said(" ".join(one for one in sentences if not one.startswith(tuple(forecasts)))),
            "reasons": list(dict.fromkeys(map(said, verdict.reasons))),
            "kept_open": list(dict.fromkeys(map(said, verdict.kept_open))),
            "judged": [one.model_copy(update={"sentence": said(one.sentence)}) for one in judged],
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
