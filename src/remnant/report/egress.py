"""The tier of an audit's results that may leave the house: aggregates alone, no number of few patients, no pseudonym, no path."""

import re
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from remnant.base.errors import RemnantError
from remnant.base.files import fresh_folder, write_text
from remnant.base.findings import TABLE_SHA256, AuditResults, Finding, Judged, Verdict
from remnant.base.results import Section, Value
from remnant.base.terms import LIMITS, RELEASE
from remnant.report.audit import render_audit
from remnant.report.disclosure import told_tables, without_folders, without_pseudonyms
from remnant.report.few import bound, counts_few, small
from remnant.report.few_rows import is_count
from remnant.report.rounded import as_said, control_as_said, rows_as_said, without_shared_p
from remnant.report.withheld import control_told, finding_told, of_few, of_few_values, telling, withheld
from remnant.report.withheld_tables import CURVES, balance_told, curves_told, groups_told, row_told

FEWEST = 3  # patients a cell: with two, each of them knows the other by what is told of both
NO_PATIENTS = {"images", "scans", "rows", "folds"}  # what of a cohort counts something else


def make_egress(run: Path) -> Path:
    """Write RUN/egress anew: results.json, the report and its figures, and nothing of an earlier one; return the report.

    Raises `RemnantError` where results.json is not there or not one of an audit, where its minimum cell is below `FEWEST`, and
    where too few patients were audited, so that an earlier one, of other results or a smaller cell, goes.
    """
    results, folder = AuditResults.read(run / "results.json"), run / "egress"
    try:
        if results.minimum_cell < FEWEST:
            raise RemnantError(
                f"The minimum cell is {results.minimum_cell}; of fewer than {FEWEST} patients nothing may leave. Set "
                f"minimum_cell = {FEWEST} or more in [appetite], and `remnant rescore` the run."
            )
        told = told_outside(results)
    except RemnantError:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    with fresh_folder(folder) as fresh:
        page = render_audit(fresh, told)
        told.write(fresh / "results.json")
        write_text(fresh / "report.html", page)
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
    few = [one for one in results.findings if of_few(one, smallest) or of_few_values(one, smallest)]
    # The p of each of its nulls gives the count back.
    ranks = any(
        one.statistic == "fold_rank" and withheld(place, results, findings)
        for place, one in enumerate(results.findings)
    )
    balanced, categories = balance_told(results.tables.get("balance", []), results.cohort, smallest)
    # What a guess is worth gives the rate back that it is reckoned from.
    rates = [
        one
        for place, one in enumerate(results.findings)
        if one.statistic == "tpr_at_10_fpr" and withheld(place, results, findings)
    ]
    tables, sections, left_out, sizes = told_tables(
        {
            name: [row_told(row, few + rates if name == "guess_worth" else few) for row in rows]
            for name, rows in groups_told(results.tables, patients, smallest).items()
            # Of each test twice what a finding has once, and to more digits.
            if name not in ("balance", "joint_p", *CURVES, *(["fold_rank"] if ranks else []))
        },
        results.sections,
        smallest,
        {value for value in results.cohort.values() if is_count(value)},
    )
    curves, no_curve = curves_told(results.tables, results.findings, smallest)

    parts = telling(results, findings, controls)
    # What a control says it says again without its numbers: that it failed, or cannot tell, is a reason without them, too.
    by_control = {
        before.sentence: after.sentence
        for before, after in zip(results.controls, controls, strict=True)
        if before != after
    }

    by_control |= {one.sentence: one.sentence for one in controls if one.sentence not in by_control}

    def said(text: str) -> str:
        if text in by_control:
            return by_control[text]
        tells = counts_few(text, smallest, sizes, nobody=True) or any(part in text for part in parts)
        return f"{why.capitalize()}." if tells else text

    def all_said(texts: list[str]) -> list[str]:
        return list(dict.fromkeys(map(said, texts)))

    numbers = f"numbers of fewer than {smallest} patients, " if smallest > 1 else ""
    gone = [f"Left out: {one}." for one in (*left_out, *no_curve)]
    changed = {
        # Who knows all of a table but a value would find it by the hash.
        "model": {name: "withheld" if name == TABLE_SHA256 else value for name, value in results.model.items()},
        "cohort": {name: _counted(name, value, results, smallest) for name, value in results.cohort.items()},
        "findings": _as_said(results, findings),
        "controls": [control_as_said(one) if smallest > 1 else one for one in controls],
        "verdict": _verdict(results, findings, said, why),
        "about": {name: said(text) for name, text in results.about.items()},
        "notices": [
            *all_said(results.notices),
            f"{RELEASE}{numbers}pseudonyms and paths are withheld.",
        ],
        "not_tested": all_said(results.not_tested),
        "tables": {
            name: rows_as_said(rows) if smallest > 1 else rows
            for name, rows in {**tables, "balance": balanced, **curves}.items()
            if rows or name in tables
        },
        "sections": [
            *(one.model_copy(update={"text": [text for text in one.text if said(text) == text]}) for one in sections),
            *([Section(title="Withheld", text=gone)] if gone else []),
        ],
    }
    told = _cleaned(results.model_copy(update=changed).model_dump(), categories)
    return AuditResults.model_validate(without_pseudonyms(told))


def _as_said(results: AuditResults, findings: list[Finding]) -> list[Finding]:
    """The `findings`, of which some are withheld, without what their last digits would tell."""
    if results.minimum_cell == 1:
        return findings
    hidden = [one for place, one in enumerate(results.findings) if withheld(place, results, findings)]
    return [as_said(one, results.limits) for one in without_shared_p(findings, hidden)]


def _verdict(results: AuditResults, findings: list[Finding], said: Callable[[str], str], why: str) -> Verdict:
    """The verdict, which stays, without sentences that tell what was withheld; `said`: a text, or `why` it is withheld.

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
    # By limit, since the same may be said of several: each is named.
    judged = [
        one
        if said(one.sentence) == one.sentence
        else one.model_copy(
            update={
                "sentence": _withheld(one, results, why)
                if withheld(one.finding, results, findings)
                else _reason_told(one.sentence, said, why)
            }
        )
        for one in judged
    ]
    limits: dict[str, list[str]] = {}
    for before, told in zip(verdict.judged, judged, strict=True):
        limits.setdefault(before.sentence, []).append(told.sentence)
    return verdict.model_copy(
        update={
            "sentence": said(" ".join(one for one in sentences if not one.startswith(tuple(forecasts)))),
            "reasons": list(dict.fromkeys(one for text in verdict.reasons for one in limits.get(text) or [said(text)])),
            "kept_open": list(dict.fromkeys(map(said, verdict.kept_open))),
            "judged": judged,
        }
    )


def _withheld(judged: Judged, results: AuditResults, why: str) -> str:
    """What stays of the sentence of a limit: that patients are exposed is no number of few, and silence would clear the model."""
    exposed = judged.finding is not None and results.findings[judged.finding].outcome == "exposed"
    if exposed:
        return f"Patients are exposed, told by {LIMITS[judged.limit]}. Its numbers are {why}."
    return f"What was found of {LIMITS[judged.limit]} is {why}. By it the audit says: {judged.ruling}."


def _reason_told(sentence: str, said: Callable[[str], str], why: str) -> str:
    """What stays of the sentence of a limit whose finding is told: a control's own without its numbers, or whole sentences of it
    that tell nothing of few."""
    if (told := said(sentence)) != f"{why.capitalize()}.":
        return told
    kept = [one for one in re.split(r"(?<=\.) ", sentence) if said(one) == one]
    return " ".join([*kept, f"A reason is {why}."])


def _counted(name: str, value: Value, results: AuditResults, smallest: int) -> Value:
    total = results.cohort.get("patients")
    if not is_count(value) or not is_count(total) or name in NO_PATIENTS or not small(value, smallest, total):
        return value
    return bound(value, smallest, total)


def _cleaned(value: Any, categories: Mapping[str, str]) -> Any:
    """All texts without folders of this machine, and with the trait in place of each of the `categories` that few have."""
    if isinstance(value, dict):
        return {_cleaned(name, categories): _cleaned(item, categories) for name, item in value.items()}
    if isinstance(value, list):
        return [_cleaned(item, categories) for item in value]
    if not isinstance(value, str):
        return value
    for name, trait in categories.items():
        value = value.replace(name, trait)
    return without_folders(value)
