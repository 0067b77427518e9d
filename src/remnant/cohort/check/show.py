"""A report of a check for a person, as tables, or for a program, as JSON."""

import json
import math
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from remnant.base.texts import counted, p_number
from remnant.cohort.check.directory import Report

COLOURS = {"error": "red", "warning": "yellow"}
PLAIN_WIDTH = 150


def as_json(report: Report) -> str:
    """The report as JSON: `counts`, `findings` and `fingerprints`; NaN becomes null, since JSON has none."""
    value = {
        "counts": report.counts,
        "findings": [asdict(one) for one in report.findings],
        "fingerprints": [asdict(one) for one in report.links],
    }
    return json.dumps(_plain(value), indent=1, allow_nan=False)


def show(report: Report) -> None:
    """Print what is there, what was found, and what each fingerprint betrays; plain where it is no terminal."""
    console = Console()
    if not console.is_terminal:
        console.width = max(console.width, PLAIN_WIDTH)
    counts = report.counts
    console.print(
        f"{counts['layout']}: {counted(counts['patients'], 'patient')}, {counted(counts['sessions'], 'session')}, "
        f"{counted(counts['scans'], 'scan')} ({counted(counts['files'], 'file')})\n",
        highlight=False,
    )
    if report.findings:
        table = _table("", "check", "what", "for example")
        for one in report.findings:
            colour = COLOURS[one.severity]
            table.add_row(f"[{colour}]{one.severity}[/]", one.check, Text(one.text), Text("\n".join(one.examples)))
        console.print(table)
    else:
        console.print("Nothing found.")
    if report.links:
        title = "\nWhat each fingerprint betrays alone: a patient's second scan searched among all patients' first ones"
        console.print(title, highlight=False, soft_wrap=True)
        table = _table("fingerprint", "found first", "95% interval", "chance", "p", "AUC", "distinct", "unique")
        for one in report.links:
            interval = one.rank1
            table.add_row(
                one.name,
                f"{round(interval.mean * interval.n)} of {interval.n}" if interval.n else "-",
                f"{interval.low:.1%} to {interval.high:.1%}" if interval.n else "-",
                f"{one.chance:.1%}" if interval.n else "-",
                p_number(one.p) if interval.n else "-",
                f"{one.auc.mean:.2f}" if interval.n else "-",
                f"{one.distinct} of {one.scans}",
                f"{one.unique:.0%}",
            )
        console.print(table)
    errors, warnings = (sum(one.severity == kind for one in report.findings) for kind in ("error", "warning"))
    console.print(f"\n{counted(errors, 'error')}, {counted(warnings, 'warning')}", highlight=False)


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
