"""What a folder or zip gives away, for a person and for a machine."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Console

from remnant.base.texts import counted, short
from remnant.targets.contents import FILES, File, FolderContents

SHOWN = 60  # files
EXAMPLES = 4


def as_json(contents: FolderContents, beside: Mapping[str, Any] | None = None) -> str:
    """The contents as JSON, with what stands `beside` them."""
    return json.dumps({**asdict(contents), **(beside or {})}, indent=1, allow_nan=False)


def show(contents: FolderContents, beside: Mapping[str, Sequence[str]] | None = None) -> None:
    """Print which files tell of people, by what they tell, and which the recipient needs. `beside`: more parts, by title, a line
    each."""
    console = Console(highlight=False, markup=False, soft_wrap=True)
    telling = contents.telling
    files = counted(len(contents.files), "file")
    what = files if contents.layout == FILES else f"{contents.layout}, {files}"
    console.print(f"{short(contents.path, 200)}: {what}, {len(telling):,} with findings")
    by_finding: dict[str, list[File]] = {}
    for file in telling:
        for text in file.findings:
            by_finding.setdefault(text, []).append(file)
    _part(console, "Tells of people and machines, or was not searched", [_line(*item) for item in by_finding.items()])
    needed = [f"  {short(file.name, 200)}{_how(file)}" for file in contents.files if file.needed]
    _part(console, "Needed by who runs the model", needed or ["  none: no checkpoint was found"])
    for title, lines in (beside or {}).items():
        _part(console, title, [f"  {line}" for line in lines])
    if telling:
        console.print("\nA copy of what is needed, without the rest: --strip OUT")


def _line(finding: str, files: list[File]) -> str:
    names = ", ".join(short(file.name, 120) for file in files[:EXAMPLES])
    more = f" and {len(files) - EXAMPLES:,} more" if len(files) > EXAMPLES else ""
    return f"  {short(finding, 300)}: {names}{more}"


def _how(file: File) -> str:
    return " (to be rewritten)" if file.findings else ""


def _part(console: Console, title: str, lines: list[str]) -> None:
    if lines:
        console.print(f"\n{title}")
        for line in lines[:SHOWN]:
            console.print(line)
        if len(lines) > SHOWN:
            console.print(f"  ... {len(lines) - SHOWN:,} more, with --json")
