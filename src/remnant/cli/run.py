"""Commands about one run: its report, what of it may leave, and what of it is patient data."""

from pathlib import Path
from typing import Annotated

import typer

from remnant.base.errors import RemnantError
from remnant.base.texts import counted, enumerated


def report(
    run: Annotated[
        Path, typer.Argument(help="A finished run directory, or a folder with the results.json of one, as published.")
    ],
    show_images: Annotated[bool, typer.Option("--show-images", help="Show patient images, in RUN/private.")] = False,
    egress: Annotated[
        bool, typer.Option("--egress", help="Of an audit: write what may leave the house, into RUN/egress.")
    ] = False,
) -> None:
    """Make the report of a run again from its files alone."""
    from remnant.base.files import read_json
    from remnant.base.run import Run

    if _results_alone(run) and not (show_images or egress):
        # What is published of a run is all that its page is made of.
        told = read_json(run / "results.json")
        study, path = told.get("study") if isinstance(told, dict) else None, run
        _require_no_page(run)
    else:
        opened = Run.open(run, _needed(show_images=show_images, egress=egress))
        study, path = opened.study, opened.path
    if study == "audit":
        print(_audit_report(path, show_images=show_images, egress=egress))
        return
    if egress:
        raise RemnantError(f"{run} is a run of a study; `remnant publish {run} --out NEW` writes what of it may leave.")
    from remnant.report.page import make_report

    print(make_report(path, show_images=show_images))


def _results_alone(folder: Path) -> bool:
    """Whether the folder is no run but has the results of one."""
    return not (folder / "run.json").exists() and (folder / "results.json").is_file()


def _require_no_page(folder: Path) -> None:
    """Raise `RemnantError` where a page or figures are there: of a run they are Remnant's own, and here
    perhaps published."""
    taken = [name for name in ("report.html", "figures") if (folder / name).exists()]
    if taken:
        raise RemnantError(
            f"{folder} is no run and holds {enumerated(taken)} already, which would be overwritten; copy its results.json into a "
            "new folder, and make the report there."
        )


def _needed(*, show_images: bool, egress: bool) -> str:
    """What a report is made of, as a mend."""
    if egress or show_images:
        option, made = ("--egress", "what may leave") if egress else ("--show-images", "a page with patient images")
        return f"{made} is made in the run itself; give the directory of the run, or leave out {option}"
    return "give a finished run, or a folder with the results.json of one"


def _audit_report(run: Path, *, show_images: bool, egress: bool) -> Path:
    if show_images:
        raise RemnantError(f"{run} is an audit, whose report shows no image; leave out --show-images.")
    from remnant.base.findings import AuditResults
    from remnant.base.progress import say
    from remnant.report.audit import make_audit_report
    from remnant.report.egress import make_egress

    if not egress:
        return make_audit_report(run)
    page = make_egress(run)
    if AuditResults.read(page.parent / "results.json").about:
        say(
            "What you wrote in [about] leaves, but for folders and counts of few patients: read the page before you send it."
        )
    return page


def publish(
    run: Annotated[Path, typer.Argument(help="A finished run directory.")],
    out: Annotated[Path, typer.Option(help="New or empty folder, or one that publish made.")],
    min_cell: Annotated[
        int,
        typer.Option(min=1, help="Fewest patients that a group or a count may speak of; 1 for public cohorts alone."),
    ] = 10,
) -> None:
    """Write what may leave the house: results, tables and figures of groups of patients, no row and no image of one."""
    from remnant.base.run import Run
    from remnant.report import publish

    opened = Run.open(run)
    if opened.study == "audit":
        raise RemnantError(f"{run} is an audit; `remnant report {run} --egress` writes what of it may leave.")
    publish.publish(opened.path, out, min_cell)
    print(out / "README.md")


def purge(run: Annotated[Path, typer.Argument(help="A run directory.")]) -> None:
    """Remove what is patient data from a run and from the cache that it used; results and report stay."""
    from remnant.base.purge import purge
    from remnant.base.run import Run

    with Run.open(run) as held:
        removed = purge(held)
    print(f"{counted(removed, 'file')} of patient data removed; results and report are kept.")
