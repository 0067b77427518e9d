"""`remnant compare`: finished audits side by side."""

from pathlib import Path
from typing import Annotated

import typer

from remnant.cli.options import Quiet, Resume, typed
from remnant.cli.values import existing, listed


def compare(
    runs: Annotated[
        list[Path],
        typer.Argument(
            callback=existing("run"),
            metavar="RUN RUN...",
            help="Finished runs of `remnant audit`, of the same patients; the first is what the others are held against.",
        ),
    ],
    out: Annotated[
        Path | None, typer.Option(help="Run directory; by default that of the first with -compared behind it.")
    ] = None,
    attacks: Annotated[
        str | None,
        typer.Option(help="Comma-separated names of the attacks that are looked at; by default all of them."),
    ] = None,
    resume: Resume = False,
    quiet: Quiet = False,
) -> None:
    """Hold finished audits against each other, patient by patient; print the path of the page."""
    from remnant.audit.several.side_by_side import compare_runs
    from remnant.base.progress import say
    from remnant.report.page import make_report

    place = out or Path(f"{runs[0].resolve().name}-compared")
    results = compare_runs(runs, place, attacks=listed(attacks) if attacks else (), command=typed(), resume=resume)
    if not quiet:
        for said in dict.fromkeys((results.headline, *results.findings)):
            say(said)
    print(make_report(place))
