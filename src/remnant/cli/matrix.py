"""`remnant matrix`: every attack on every defence, of several networks."""

from pathlib import Path
from typing import Annotated

import typer

from remnant.cli.forecast import forecast_lines
from remnant.cli.options import CORES, Cluster, EstimateOfTrainings, Quiet, Resume, Workers, typed
from remnant.cli.unfinished import told_to_go_on
from remnant.cli.values import existing


def matrix(
    file: Annotated[
        Path,
        typer.Argument(
            callback=existing("configuration"),
            metavar="FILE",
            help="TOML file that names folders with audit.toml and target.py, and which defences are tried on their train().",
        ),
    ],
    out: Annotated[Path, typer.Option(help="Run directory.")] = Path("runs/matrix"),
    estimate: EstimateOfTrainings = False,
    workers: Workers = CORES,
    cluster: Cluster = None,
    resume: Resume = False,
    quiet: Quiet = False,
) -> None:
    """Train several networks anew under each defence, audit each alike, and set what it stops beside what it costs."""
    from remnant.audit.matrix.matrix_file import MatrixFile
    from remnant.base.progress import say
    from remnant.base.run import Run

    asked = MatrixFile.read(file)
    if not estimate:
        Run.free(out, "matrix", resume=resume)
    from remnant.audit.matrix.matrix_run import make_matrix, matrix_forecast
    from remnant.report.page import make_report

    with told_to_go_on(None if estimate else out):
        if estimate:
            pieces, not_tried = matrix_forecast(asked, out, quiet=quiet)
            for line in forecast_lines(pieces, not_tried, workers=1 if cluster else min(workers, len(pieces))):
                print(line)
            return
        results = make_matrix(asked, out, workers=cluster or workers, command=typed(), resume=resume, quiet=quiet)
    if not quiet:
        for said in (*results.no_conclusion, results.headline, *results.findings):
            say(said)
    print(make_report(out))
