"""`remnant cohort`: patients' files."""

from pathlib import Path
from typing import Annotated

import typer

from remnant.cli.options import Quiet
from remnant.cli.values import existing

cohort = typer.Typer(help="Look at patients' files.", no_args_is_help=True)


@cohort.command("check")
def cohort_check(
    directory: Annotated[
        Path,
        typer.Argument(
            callback=existing("data directory"), metavar="DIR", help="A cohort of a known layout, or a folder of DICOM."
        ),
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
    quiet: Quiet = False,
) -> None:
    """Find what is wrong with a directory of scans and what in it says who somebody is; exit code 1 for errors."""
    from remnant.cohort.check import check_directory, show

    found = check_directory(directory, quiet=quiet)
    if as_json:
        print(show.as_json(found))
    else:
        show.show(found)
    raise typer.Exit(1 if found.failed else 0)
