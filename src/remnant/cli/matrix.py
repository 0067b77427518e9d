"""`remnant matrix`: every attack on every defence, of several networks."""

from pathlib import Path
from typing import Annotated

import typer

from remnant.base.errors import RemnantError
from remnant.cli.forecast import forecast_lines
from remnant.cli.options import CORES, Cluster, Quiet, Resume, Workers, typed
from remnant.cli.values import existing
from remnant.cli.verdict import FAULT


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
    estimate: Annotated[
        bool, typer.Option("--estimate", help="Train once under each defence, say how long each takes, and audit none.")
    ] = False,
    workers: Workers = CORES,
    cluster: Cluster = None,
    resume: Resume = False,
    quiet: Quiet = False,
) -> None:
    """Train several networks anew under each defence, audit each alike, and set what it stops beside what it costs."""
    from remnant.audit.matrix.matrix_file import MatrixFile
    from remnant.audit.owner.process import WorkerError
    from remnant.base.progress import say
    from remnant.base.run import Run

    asked = MatrixFile.read(file)
    if not estimate:
        Run.free(out, "matrix", resume=resume)
    from remnant.audit.matrix.matrix_run import make_matrix, matrix_forecast
    from remnant.report.page import make_report

    try:
        if estimate:
            pieces, not_tried = matrix_forecast(asked, out, quiet=quiet)
            for line in forecast_lines(pieces, not_tried, workers=1 if cluster else min(workers, len(pieces))):
                print(line)
            return
        results = make_matrix(asked, out, workers=cluster or workers, command=typed(), resume=resume, quiet=quiet)
    except RemnantError:
        if not estimate and (out / "run.json").exists():
            say(f"What was done is kept in {out}; add --resume to go on from there.")
        raise
    except WorkerError:
        say("remnant: this is a fault of Remnant; report the lines above, once no patient is named in them.")
        raise typer.Exit(FAULT) from None
    if not quiet:
        for said in (*results.no_conclusion, results.headline, *results.findings):
            say(said)
    print(make_report(out))
