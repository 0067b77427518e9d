"""`remnant mitigate`: the training of an audited model under each defence, audited again."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from remnant.audit.cells.piece import Piece
from remnant.base.errors import RemnantError
from remnant.cli.forecast import forecast_lines
from remnant.cli.options import CORES, Cluster, EstimateOfTrainings, Quiet, Resume, Workers, typed
from remnant.cli.unfinished import told_to_go_on
from remnant.cli.values import existing, listed

if TYPE_CHECKING:
    from remnant.audit.owner.process import Task


def mitigate(
    audit: Annotated[
        Path,
        typer.Argument(
            callback=existing("run"),
            metavar="AUDIT",
            help="A finished run of `remnant audit` of a folder whose target.py has train().",
        ),
    ],
    defenses: Annotated[
        str | None,
        typer.Option(
            help="Comma-separated names of `remnant protect --list`, several together as dp_sgd+augmentation; by default each "
            "that applies, alone."
        ),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            callback=existing("configuration"),
            help="TOML file that says how strong defences are, as `epsilon = 100` in the table [dp_sgd].",
        ),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Run directory; by default AUDIT with -mitigated behind it.")] = None,
    estimate: EstimateOfTrainings = False,
    workers: Workers = CORES,
    cluster: Cluster = None,
    resume: Resume = False,
    quiet: Quiet = False,
) -> None:
    """Train anew under each defence that applies, audit each as before, and set what it stops beside what it costs."""
    from remnant.audit.mitigation.inquiry import folder_of
    from remnant.audit.owner.before import faults_before
    from remnant.audit.owner.process import in_own_process
    from remnant.base.progress import say
    from remnant.base.results import Results
    from remnant.base.run import Run
    from remnant.report.page import make_report

    folder, settings = folder_of(audit)
    for fault in faults_before(folder, settings).values():
        raise RemnantError(fault)
    place = out or Path(f"{audit.resolve().name}-mitigated")
    if not estimate:
        Run.free(place, "mitigate", resume=resume)
    how = {"resume": resume, "quiet": quiet, "command": typed(), "workers": cluster or workers}
    more = {"audit": str(audit), "defences": listed(defenses) if defenses else [], "strengths": config and str(config)}
    task: Task = "estimate of mitigate" if estimate else "mitigate"
    with told_to_go_on(None if estimate else place):
        found = in_own_process(folder, place, settings, task=task, **how, more=more)
    if estimate:
        pieces = [Piece(**one) for one in found["pieces"]]
        for line in forecast_lines(pieces, found["not_run"], workers=1 if cluster else min(workers, len(pieces))):
            print(line)
        return
    results = Results.read(place / "results.json")
    if not quiet:
        for said in (*results.no_conclusion, results.headline, *results.findings):
            say(said)
    print(make_report(place))
