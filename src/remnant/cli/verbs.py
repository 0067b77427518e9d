"""Commands about one checkpoint or one run."""

from pathlib import Path
from typing import Annotated

import typer

from remnant.base.errors import RemnantError
from remnant.base.texts import counted, enumerated, printable, short
from remnant.cli.values import existing

# What each attack needs besides, its own line says.
OF_IT = "In `remnant audit` of it, with members and non-members whom you hand over, and their labels"


def inspect(
    checkpoint: Annotated[
        Path,
        typer.Argument(
            callback=existing("checkpoint"),
            metavar="MODEL",
            help="A .pt, .pth, .ckpt or .safetensors file, or a folder or zip of a model, such as nnU-Net's.",
        ),
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
    strip_to: Annotated[
        Path | None,
        typer.Option(
            "--strip",
            metavar="OUT",
            help="New file or folder: a copy of what a recipient needs, without the training's traces.",
        ),
    ] = None,
) -> None:
    """Say what an attacker reads off a model's file, folder or zip; nothing in it is ever executed."""
    from remnant.targets import bundle
    from remnant.targets.files.kind import kind_of_file

    bundled = bundle.is_bundle(checkpoint)
    if not bundled:
        # Before PyTorch is imported, which takes seconds: most mistakes are in the path.
        kind_of_file(checkpoint)
    from remnant.attacks.listed import described_in, lines_for, listed_for
    from remnant.targets import contents, describe, describe_contents, description, opening, recognise

    if bundled:
        opened = bundle.Bundle(checkpoint)
        inside = contents.look_into(opened)
        name, found = described_in(opened, inside) or ("", None)
        if as_json:
            told = {"audit": listed_for(found) if found else [], "audit_of": printable(name)}
            print(describe_contents.as_json(inside, told))
        else:
            title = f"{OF_IT}, by what {short(name, 200)} tells"
            describe_contents.show(inside, {title: lines_for(found)} if found else None)
    else:
        found = recognise.recognise(opening.open_checkpoint(checkpoint))
        if as_json:
            print(description.as_json(found, {"audit": listed_for(found)}))
        else:
            describe.show(found, {OF_IT: lines_for(found)})
    if strip_to:
        from remnant.base.progress import say
        from remnant.defenses.strip import strip

        strip(checkpoint, strip_to)
        say(f"Written without the traces of its training: {strip_to}")


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
