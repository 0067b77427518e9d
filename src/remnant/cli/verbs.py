"""Commands about one checkpoint or one run."""

from pathlib import Path
from typing import Annotated

import typer


def inspect(
    checkpoint: Annotated[Path, typer.Argument(metavar="CHECKPOINT", help="A .pt, .pth, .ckpt or .safetensors file.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Say what an attacker reads off a checkpoint; nothing in it is ever executed."""
    from remnant.targets import describe, description, opening, recognise

    found = recognise.recognise(opening.open_checkpoint(checkpoint))
    if as_json:
        print(description.as_json(found))
    else:
        describe.show(found)


def report(
    run: Annotated[Path, typer.Argument(help="A finished run directory.")],
    show_images: Annotated[bool, typer.Option("--show-images", help="Show patient images, in RUN/private.")] = False,
) -> None:
    """Make the report of a run again from its files alone."""
    from remnant.base.run import Run
    from remnant.report.page import make_report

    print(make_report(Run.open(run).path, show_images=show_images))


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

    publish.publish(Run.open(run).path, out, min_cell)
    print(out / "README.md")


def purge(run: Annotated[Path, typer.Argument(help="A run directory.")]) -> None:
    """Remove what is patient data from a run and from the cache that it used; results and report stay."""
    from remnant.base.run import Run

    with Run.open(run) as held:
        removed = held.purge()
    print(f"{removed} files of patient data removed; results and report are kept.")
