"""What may leave the house: a run's numbers, tables and figures, by groups of patients and without anybody's image."""

import hashlib
import os
import re
import shutil
import tempfile
from pathlib import Path

from remnant.base.errors import RemnantError
from remnant.base.files import read_json, write_json, write_text
from remnant.base.results import Results
from remnant.base.texts import counted
from remnant.report.disclosure import Aggregate, aggregate
from remnant.report.page import render
from remnant.report.tables import in_markdown, write_tables
from remnant.report.words import labelled

MARK = ".remnant-published.json"  # what publish wrote, by its SHA-256
MIN_CELL = 10


def publish(run: Path, out: Path, min_cell: int = MIN_CELL) -> list[Path]:
    """Write results.json, the tables as Markdown, the figures and a README with the command into `out`; return the paths.

    All of it is of groups of at least `min_cell` patients (see `aggregate`). `out` is a new or an empty folder, or one that
    publish made and nobody changed since. Raises `RemnantError` for another, and when the run is not finished.
    """
    run, out = Path(run), Path(out)
    told = aggregate(Results.read(run / "results.json"), min_cell)
    before = _own_files(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=".tmp-", dir=out.parent))
    try:
        names = _write(work, told, min_cell)
        write_json(work / MARK, {name: _sha256(work / name) for name in names})
        for name in before:
            (out / name).unlink()
        for name in (*names, MARK):
            (out / name).parent.mkdir(parents=True, exist_ok=True)
            (work / name).chmod(0o644)
            (work / name).replace(out / name)
    finally:
        shutil.rmtree(work)
    return [out / name for name in names]


def _own_files(out: Path) -> list[str]:
    """What publish left in `out`; raise `RemnantError` where anything of somebody else's is there, or was changed."""
    if not os.path.lexists(out):
        return []
    if out.is_symlink() or not out.is_dir():
        raise RemnantError(f"{out} is no folder; give a new or an empty one by --out.")
    there = {
        path.relative_to(out).as_posix(): path for path in out.rglob("*") if path.is_symlink() or not path.is_dir()
    }
    wrote = read_json(out / MARK) if there and (out / MARK).is_file() else {}
    for name, path in there.items():
        if name != MARK and (path.is_symlink() or not isinstance(wrote, dict) or wrote.get(name) != _sha256(path)):
            raise RemnantError(
                f"{path} was not written by publish, or was changed since; give a new or an empty folder by --out, or move "
                "that file away first."
            )
    return list(there)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _write(folder: Path, told: Aggregate, min_cell: int) -> list[str]:
    """Everything, into the empty `folder`; the names in their order."""
    results = told.results
    results.write(folder / "results.json")
    # The figures are drawn of what is told alone; that the page can be made of it too is seen here.
    render(folder, results, show_images=False)
    figures = [(figure.name, figure.caption) for section in results.sections for figure in section.figures]
    with labelled(results.labels):
        tables = [path.name for path in write_tables(folder, results)]
    write_text(folder / "README.md", _readme(told, tables, figures, min_cell))
    return ["results.json", *(f"figures/{name}.svg" for name, _ in figures), *tables, "README.md"]


def _readme(told: Aggregate, tables: list[str], figures: list[tuple[str, str]], min_cell: int) -> str:
    results = told.results
    hardware, versions = results.hardware, results.versions
    worked = (
        f" of which {counted(round(results.cpu_seconds / 60), 'minute of one core was', 'minutes of one core were')} work,"
        if results.cpu_seconds
        else ""
    )
    fence = "`" * max(3, *(len(run) + 1 for run in re.findall("`+", results.command)), 3)
    lines = [
        f"# {in_markdown(results.title)}",
        "",
        *(f"**{in_markdown(notice)}**\n" for notice in results.notices),
        *_no_conclusion(results),
        *_headline(results),
        *_left_open(results),
        *(f"- {in_markdown(finding)}" for finding in results.findings if finding not in results.no_conclusion),
        "",
        f"{fence}bash",
        results.command,
        fence,
        "",
        in_markdown(
            f"{counted(results.patients, 'patient')}, {counted(results.scans, 'scan')}, seed {results.seed}, "
            f"{counted(round(results.seconds / 60), 'minute')} on "
            f"{counted(hardware.get('cores') or 0, 'core')} ({hardware.get('cpu')}),{worked} "
            f"commit {versions.get('commit')}, started {results.started}."
        ),
        "",
        "Tables: "
        + ", ".join(f"[{name}]({name})" for name in tables)
        + ". All numbers: [results.json](results.json). "
        + _withheld(min_cell),
        "",
    ]
    if told.left_out:
        lines += ["Left out: " + in_markdown("; ".join(told.left_out)) + ".", ""]
    for name, caption in figures:
        alternative = in_markdown(caption).replace("[", "\\[").replace("]", "\\]")
        lines += [f"![{alternative}](figures/{name}.svg)", "", in_markdown(caption), ""]
    return "\n".join(lines)


def _withheld(min_cell: int) -> str:
    if min_cell <= 1:
        return "No table has a row a patient; groups and counts stand as they are, however few patients they are of."
    return f"Groups and counts of fewer than {min_cell} patients are withheld, and nothing is told of a single one."


def _no_conclusion(results: Results) -> list[str]:
    if not results.no_conclusion:
        return []
    return ["**No conclusion.**", "", *(f"- {in_markdown(reason)}" for reason in results.no_conclusion), ""]


def _headline(results: Results) -> list[str]:
    """Where a run has no conclusion, what was measured all the same, unless that is why."""
    if results.headline in results.no_conclusion:
        return []
    return [f"{'Measured all the same: ' if results.no_conclusion else ''}**{in_markdown(results.headline)}**", ""]


def _left_open(results: Results) -> list[str]:
    if not results.left_open:
        return []
    about, *reasons = results.left_open
    return [f"**{in_markdown(about)}**", "", *(f"- {in_markdown(reason)}" for reason in reasons), ""]
